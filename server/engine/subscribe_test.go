package engine

import (
	"context"
	"slices"
	"testing"

	"tidemill/sql/sqlerr"
)

// follow subscribes to a relation.
func (d *db) follow(name string, since *uint64) (*Subscription, error) {
	return d.Subscribe(context.Background(), d.Catalog().ByName("public", name), since)
}

// read takes changes until there are n rows.
func (s *Subscription) read(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for len(out) < n {
		c, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range c.batches {
			out = append(out, texts(b)...)
		}
	}
	return out
}

// TestFollowersFallBehind bounds the changes that are kept: a subscription that does not read is told that
// it has lost some, one that reads goes on, and a reader may come back for what is kept.
func TestFollowersFallBehind(t *testing.T) {
	d := open(t)
	d.run("CREATE TABLE t (id bigint PRIMARY KEY, k bigint, v bigint)")
	slow, err := d.follow("t", nil)
	if err != nil {
		t.Fatal(err)
	}
	fast, err := d.follow("t", nil)
	if err != nil {
		t.Fatal(err)
	}
	slow.EndSnapshot()
	fast.EndSnapshot()
	f := slow.f
	if f != fast.f {
		t.Fatal("two subscriptions do not share the changes of their relation")
	}
	f.mu.Lock()
	f.bound = 32 << 10
	f.mu.Unlock()
	var got []string
	first := fast.Epoch
	for i := range 100 {
		d.fill(i*10, i*10+10)
		got = append(got, fast.read(t, 10)...)
	}
	if want := d.query("SELECT * FROM t"); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("the subscription that keeps up got %d rows, want %d", len(got), len(want))
	}
	f.mu.Lock()
	if f.bytes > f.bound || f.since <= first {
		t.Errorf("%d bytes are kept, since epoch %d", f.bytes, f.since)
	}
	f.mu.Unlock()
	if c, err := slow.Next(context.Background()); err == nil || sqlerr.As(err).Code != sqlerr.ConfigurationLimitExceeded {
		t.Errorf("the slow subscription: %v, %v", c, err)
	}
	last := fast.Epoch
	slow.Close()
	fast.Close()
	d.run("DELETE FROM t WHERE id >= 2", "INSERT INTO t VALUES (-1, 0, 0)")
	if _, err := d.follow("t", &first); err == nil || sqlerr.As(err).Code != sqlerr.ObjectNotInPrerequisite {
		t.Errorf("going on behind changes that are forgotten: %v", err)
	}
	near := d.store.Epoch()
	d.run("INSERT INTO t VALUES (-2, 0, 0)")
	back, err := d.follow("t", &near)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.read(t, 1); !slices.Equal(got, []string{"-2 0 0"}) {
		t.Errorf("behind epoch %d: %v", near, got)
	}
	back.Close()
	// After some time without a follower nothing is kept.
	if err := d.submit(context.Background(), func() error { d.unfollow(f); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := d.follow("t", &last); err == nil || sqlerr.As(err).Code != sqlerr.ObjectNotInPrerequisite {
		t.Errorf("going on when nothing is kept: %v", err)
	}
}
