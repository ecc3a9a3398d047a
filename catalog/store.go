package catalog

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// stored is the part of a snapshot that is neither object nor role.
type stored struct {
	Format    int           `json:"format"`
	Version   uint64        `json:"version"`
	NextID    ID            `json:"next_id"`
	NextTable uint32        `json:"next_table"`
	Schemas   map[string]ID `json:"schemas"`
	Comments  map[ID]string `json:"comments,omitempty"` // of schemas, roles and the database
}

// Diff returns the key-value writes that turn the stored form of old into that of s; a nil value is
// a deletion. A nil old means an empty store.
func (s *Snapshot) Diff(old *Snapshot) (map[string][]byte, error) {
	out := map[string][]byte{}
	put := func(k string, v any) error {
		b, err := json.Marshal(v)
		out[k] = b
		return err
	}
	if err := put("meta", stored{Format, s.Version, s.NextID, s.NextTable, s.schemas, s.comments}); err != nil {
		return nil, err
	}
	for id, o := range s.objects {
		if old == nil || old.objects[id] != o {
			if err := put(fmt.Sprintf("object/%d", id), o); err != nil {
				return nil, err
			}
		}
	}
	for id, t := range s.types {
		if old == nil || old.types[id] != t {
			if err := put(fmt.Sprintf("type/%d", id), t); err != nil {
				return nil, err
			}
		}
	}
	for name, r := range s.roles {
		if old == nil || old.roles[name] != r {
			if err := put("role/"+name, r); err != nil {
				return nil, err
			}
		}
	}
	if old != nil {
		for id := range old.objects {
			if s.objects[id] == nil {
				out[fmt.Sprintf("object/%d", id)] = nil
			}
		}
		for id := range old.types {
			if s.types[id] == nil {
				out[fmt.Sprintf("type/%d", id)] = nil
			}
		}
		for name := range old.roles {
			if s.roles[name] == nil {
				out["role/"+name] = nil
			}
		}
	}
	return out, nil
}

// Load rebuilds a snapshot from the pairs that Diff wrote. No pairs give a new catalog.
func Load(pairs map[string][]byte) (*Snapshot, error) {
	s := New()
	if len(pairs) == 0 {
		return s, nil
	}
	var m stored
	if err := json.Unmarshal(pairs["meta"], &m); err != nil {
		return nil, fmt.Errorf("catalog header: %w", err)
	}
	if m.Format > Format {
		return nil, fmt.Errorf("catalog format %d is newer than this build's %d", m.Format, Format)
	}
	s.Version, s.NextID, s.NextTable, s.schemas = m.Version, m.NextID, m.NextTable, m.Schemas
	s.comments = m.Comments
	s.roles = map[string]*Role{}
	for k, v := range pairs {
		switch {
		case strings.HasPrefix(k, "object/"):
			var o Object
			if err := json.Unmarshal(v, &o); err != nil {
				return nil, fmt.Errorf("catalog %s: %w", k, err)
			}
			if o.Format > Format {
				return nil, fmt.Errorf("catalog %s has format %d, newer than this build's %d", k, o.Format, Format)
			}
			if id, err := strconv.ParseUint(k[len("object/"):], 10, 32); err != nil || ID(id) != o.ID {
				return nil, fmt.Errorf("catalog %s holds object %d", k, o.ID)
			}
			s.objects[o.ID] = &o
			s.names[key(o.Schema, o.Name)] = o.ID
		case strings.HasPrefix(k, "type/"):
			var t UserType
			if err := json.Unmarshal(v, &t); err != nil {
				return nil, fmt.Errorf("catalog %s: %w", k, err)
			}
			if t.Format > Format {
				return nil, fmt.Errorf("catalog %s has format %d, newer than this build's %d", k, t.Format, Format)
			}
			s.types[t.ID] = &t
			t.Publish()
		case strings.HasPrefix(k, "role/"):
			var r Role
			if err := json.Unmarshal(v, &r); err != nil {
				return nil, fmt.Errorf("catalog %s: %w", k, err)
			}
			s.roles[r.Name] = &r
		}
	}
	return s, nil
}
