package ast

import "reflect"

// Walk calls f with e and every expression inside it, outer ones first. Queries inside are not entered.
func Walk(e Expr, f func(Expr)) {
	if e == nil {
		return
	}
	f(e)
	walkFields(reflect.ValueOf(e).Elem(), f)
}

var exprType = reflect.TypeFor[Expr]()

func walkFields(v reflect.Value, f func(Expr)) {
	switch v.Kind() {
	case reflect.Interface:
		if e, ok := v.Interface().(Expr); ok && v.Type() == exprType && !v.IsNil() {
			Walk(e, f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walkFields(v.Field(i), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkFields(v.Index(i), f)
		}
	}
}

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
