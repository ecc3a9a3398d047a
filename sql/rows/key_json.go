package rows

import (
	"encoding/binary"

	"tidemill/sql/types"
)

// The key form of jsonb follows Postgres's order: Object > Array > Boolean > Number > String > Null,
// containers by their number of entries first, then entry by entry; an empty array at the top is
// less than anything else (a habit that Postgres keeps). Each value is its kind + 1 and
//
//	string   escaped bytes        number   numeric key       bool   0 or 1
//	array    count u32, elements  object   count u32, keys (escaped) and values in storage order
const (
	jsonEmptyArray = 0x00
	jsonKindBase   = 1
)

func appendKeyJSON(dst, s []byte) []byte {
	v, err := types.ParseJSON(s)
	if err != nil {
		return append(dst, jsonKindBase+byte(types.JSONNull))
	}
	if v.Kind == types.JSONArray && len(v.Items) == 0 {
		return append(dst, jsonEmptyArray)
	}
	return appendKeyJSONValue(dst, &v)
}

func appendKeyJSONValue(dst []byte, v *types.JSONValue) []byte {
	dst = append(dst, jsonKindBase+byte(v.Kind))
	switch v.Kind {
	case types.JSONString:
		return appendEscaped(dst, []byte(v.Str))
	case types.JSONNumber:
		return appendKeyNumeric(dst, v.Num)
	case types.JSONBool:
		return appendKeyBool(dst, v.Bool)
	case types.JSONArray:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Items)))
		for i := range v.Items {
			dst = appendKeyJSONValue(dst, &v.Items[i])
		}
	case types.JSONObject:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Members)))
		for i := range v.Members {
			dst = appendEscaped(dst, []byte(v.Members[i].Key))
			dst = appendKeyJSONValue(dst, &v.Members[i].Value)
		}
	}
	return dst
}

func decodeKeyJSON(dst, key []byte, mask byte) (out, rest []byte, ok bool) {
	if len(key) > 0 && key[0]^mask == jsonEmptyArray {
		return append(dst, "[]"...), key[1:], true
	}
	var v types.JSONValue
	if rest, ok = decodeKeyJSONValue(&v, key, mask, 0); !ok {
		return dst, nil, false
	}
	return types.AppendJSONB(dst, &v), rest, true
}

// jsonKeyDepthMax bounds the recursion over a damaged key.
const jsonKeyDepthMax = 10000

func decodeKeyJSONValue(v *types.JSONValue, key []byte, mask byte, depth int) (rest []byte, ok bool) {
	if len(key) == 0 || depth > jsonKeyDepthMax {
		return nil, false
	}
	v.Kind = types.JSONKind(key[0]^mask) - jsonKindBase
	key = key[1:]
	var b []byte
	switch v.Kind {
	case types.JSONNull:
		return key, true
	case types.JSONString:
		b, key, ok = decodeEscaped(nil, key, mask)
		v.Str = string(b)
		return key, ok
	case types.JSONNumber:
		v.Num, key, ok = decodeKeyNumeric(nil, key, mask)
		return key, ok
	case types.JSONBool:
		if len(key) == 0 {
			return nil, false
		}
		v.Bool = key[0]^mask != 0
		return key[1:], true
	case types.JSONArray, types.JSONObject:
	default:
		return nil, false
	}
	if len(key) < 4 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint32(key) ^ uint32(mask)*0x01010101)
	key = key[4:]
	for range n {
		var m types.JSONMember
		if v.Kind == types.JSONObject {
			if b, key, ok = decodeEscaped(nil, key, mask); !ok {
				return nil, false
			}
			m.Key = string(b)
		}
		if key, ok = decodeKeyJSONValue(&m.Value, key, mask, depth+1); !ok {
			return nil, false
		}
		if v.Kind == types.JSONObject {
			v.Members = append(v.Members, m)
		} else {
			v.Items = append(v.Items, m.Value)
		}
	}
	return key, true
}
