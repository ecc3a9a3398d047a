package fn

import "tidemill/sql/types"

// best narrows several applicable overloads to one by Postgres's func_select_candidate; more than
// one left means that the call is ambiguous.
func (r *registry) best(cands []candidate, args []types.Type) []candidate {
	if len(cands) <= 1 {
		return cands
	}
	// Most arguments that need no conversion.
	cands = keepMost(cands, func(c *candidate) int {
		n := 0
		for i, a := range args {
			if a.ID != types.Unknown && isExact(c.declared[i], a) {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 {
		return cands
	}
	// Most arguments that need none or go to their category's preferred type.
	cands = keepMost(cands, func(c *candidate) int {
		n := 0
		for i, a := range args {
			d := c.declared[i]
			if a.ID != types.Unknown && (isExact(d, a) || d.Preferred() && d.Category() == a.Category()) {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 {
		return cands
	}
	if l := narrowUnknown(cands, args); len(l) > 0 {
		cands = l
	}
	if len(cands) == 1 {
		return cands
	}
	if l := r.assumeSame(cands, args); len(l) == 1 {
		return l
	}
	return preferFixed(cands)
}

func isExact(declared, actual types.Type) bool {
	return declared.ID == actual.ID && declared.Same(actual)
}

func keepMost(cands []candidate, score func(*candidate) int) []candidate {
	best, out := -1, []candidate(nil)
	for i := range cands {
		switch s := score(&cands[i]); {
		case s > best:
			best, out = s, append(out[:0:0], cands[i])
		case s == best:
			out = append(out, cands[i])
		}
	}
	return out
}

// narrowUnknown chooses a type category for each unknown argument: string if any overload takes
// one, else the only category offered; within it preferred types win. It returns nil when there is
// no choice to make or none can be made.
func narrowUnknown(cands []candidate, args []types.Type) []candidate {
	out := cands
	found := false
	for i, a := range args {
		if a.ID != types.Unknown {
			continue
		}
		found = true
		cat, pref, ok := slotCategory(cands, i)
		if !ok {
			return nil
		}
		var kept []candidate
		for _, c := range out {
			if d := c.declared[i]; d.Category() == cat && (!pref || d.Preferred()) {
				kept = append(kept, c)
			}
		}
		out = kept
	}
	if !found {
		return nil
	}
	return out
}

// slotCategory returns the category that overloads want for argument i and whether one of them
// takes the category's preferred type.
func slotCategory(cands []candidate, i int) (cat byte, pref, ok bool) {
	ok = true
	for k, c := range cands {
		d := c.declared[i]
		dc := d.Category()
		switch {
		case k == 0:
			cat, pref = dc, d.Preferred()
		case dc == cat:
			pref = pref || d.Preferred()
		case dc == 'S':
			cat, pref, ok = dc, d.Preferred(), true
		case cat != 'S':
			ok = false // remember the conflict; a string overload may still settle it
		}
	}
	return cat, pref, ok || cat == 'S'
}

// assumeSame gives unknown arguments the type that all known ones share.
func (r *registry) assumeSame(cands []candidate, args []types.Type) []candidate {
	var known types.Type
	unknown := false
	for _, a := range args {
		switch {
		case a.ID == types.Unknown:
			unknown = true
		case known.ID == types.Invalid:
			known = a
		case !known.Same(a):
			return nil
		}
	}
	if !unknown || known.ID == types.Invalid {
		return nil
	}
	var out []candidate
	for _, c := range cands {
		ok := true
		for _, d := range c.declared {
			ok = ok && r.coercible(known, d)
		}
		if ok { // array || array and array || element are told apart by what they agree on
			same := make([]types.Type, len(args))
			for i := range same {
				same[i] = known
			}
			_, ok = r.bindPolymorphic(c.declared, same)
		}
		if ok {
			out = append(out, c)
		}
	}
	return out
}

// preferFixed drops variadic and polymorphic overloads when others remain.
func preferFixed(cands []candidate) []candidate {
	for _, drop := range []func(*candidate) bool{
		func(c *candidate) bool { return c.variadic },
		func(c *candidate) bool {
			for _, d := range c.declared {
				if d.ID == AnyElement.ID || d.ID == AnyArray.ID || d.ID == Any.ID || d.ID == AnyEnum.ID {
					return true
				}
			}
			return false
		},
	} {
		var kept []candidate
		for i := range cands {
			if !drop(&cands[i]) {
				kept = append(kept, cands[i])
			}
		}
		if len(kept) > 0 {
			cands = kept
		}
	}
	return cands
}
