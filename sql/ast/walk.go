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
