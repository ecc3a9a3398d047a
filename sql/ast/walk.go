package ast

import "reflect"

// WalkTypes calls f for every type name in a tree. It goes by reflection: it runs only when a type gets
// another name, and this way no node can be forgotten.
func WalkTypes(tree any, f func(TypeName)) { walkTypes(reflect.ValueOf(tree), f) }

func walkTypes(v reflect.Value, f func(TypeName)) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			walkTypes(v.Elem(), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkTypes(v.Index(i), f)
		}
	case reflect.Struct:
		if t, ok := v.Interface().(TypeName); ok {
			f(t)
			return
		}
		for i := range v.NumField() {
			walkTypes(v.Field(i), f)
		}
	}
}
