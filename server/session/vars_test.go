package session

import (
	"fmt"
	"testing"
	"time"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
)

func TestParameterValues(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"statement_timeout", "90s", "90s"}, {"statement_timeout", "60000", "1min"}, {"statement_timeout", "1.5s", "1500ms"},
		{"statement_timeout", "0", "0"}, {"work_mem", "4096", "4MB"}, {"work_mem", "1GB", "1GB"}, {"work_mem", "100kB", "100kB"},
		{"enable_seqscan", "FALSE", "off"}, {"enable_seqscan", "t", "on"}, {"client_encoding", "'utf-8'", "UTF8"},
		{"client_encoding", "unicode", "UTF8"}, {"datestyle", "dmy", "ISO, DMY"}, {"DateStyle", "ISO, YMD", "ISO, YMD"}, {"datestyle", "german", "German, DMY"},
		{"intervalstyle", "ISO_8601", "iso_8601"}, {"timezone", "europe/berlin", "Europe/Berlin"}, {"timezone", "UTC", "UTC"},
		{"timezone", "3", "<+03>-03"}, {"timezone", "-4.5", "<-04:30>+04:30"}, {"timezone", "INTERVAL '+02:00'", "<+02>-02"},
		{"application_name", "ü\n", "???"}, {"my.own", "x", "x"}, {"extra_float_digits", "3", "3"}, {"search_path", `a, "B c"`, `a, "B c"`},
		{"synchronous_commit", "true", "on"}, {"default_transaction_isolation", "serializable", "serializable"},
		{"random_page_cost", "1.1", "1.1"}, {"client_min_messages", "WARNING", "warning"},
	} {
		v := newVars(nil)
		if err := v.set(c.name, c.value, false); err != nil {
			t.Errorf("%s = %s: %v", c.name, c.value, err)
			continue
		}
		if got, _ := v.show(c.name); got != c.want {
			t.Errorf("%s = %s shows %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

func TestParameterRefusals(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        sqlerr.Code
	}{
		{"nope", "1", "42704"}, {"server_version", "9", "55P02"}, {"max_connections", "5", "55P02"},
		{"statement_timeout", "-1", "22023"}, {"statement_timeout", "5kB", "22023"}, {"statement_timeout", "x", "22023"},
		{"statement_timeout", "NaN", "22023"}, {"extra_float_digits", "9", "22023"}, {"enable_seqscan", "maybe", "22023"},
		{"client_encoding", "LATIN1", "0A000"}, {"client_encoding", "klingon", "22023"}, {"timezone", "Nowhere/X", "22023"},
		{"timezone", "999", "22023"}, {"datestyle", "x", "22023"}, {"intervalstyle", "x", "22023"},
		{"search_path", `"a`, "22023"}, {"search_path", "a,,b", "22023"}, {"standard_conforming_strings", "off", "0A000"},
	} {
		err := newVars(nil).set(c.name, c.value, false)
		if err == nil || sqlerr.As(err).Code != c.want {
			t.Errorf("%s = %s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}

func TestLocalAndRollback(t *testing.T) {
	var log []string
	v := newVars(func(n, x string) { log = append(log, n+"="+x) })
	set := func(value string, local bool) {
		if err := v.set("application_name", value, local); err != nil {
			t.Fatal(err)
		}
	}
	get := func() string { x, _ := v.get("application_name"); return x }
	set("a", false)
	v.begin()
	set("b", false)
	set("c", true)
	v.end(true)
	if get() != "b" {
		t.Error("SET LOCAL outlived COMMIT: ", get())
	}
	v.begin()
	set("d", false)
	v.end(false)
	if get() != "b" {
		t.Error("SET outlived ROLLBACK: ", get())
	}
	v.begin()
	set("e", true)
	set("f", false)
	v.end(true)
	if get() != "f" {
		t.Error("SET after SET LOCAL: ", get())
	}
	if err := v.reset("application_name", false); err != nil || get() != "" {
		t.Error("RESET: ", get(), err)
	}
	want := "[application_name=a application_name=b application_name=c application_name=b application_name=d application_name=b application_name=e application_name=f application_name=]"
	if got := fmt.Sprint(log); got != want {
		t.Error("reported: ", got)
	}
}

func TestZonesAct(t *testing.T) {
	at := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"Europe/Berlin": "14:00", "3": "15:00", "-4.5": "07:30", "UTC": "12:00", "INTERVAL '+02:00'": "14:00",
	} {
		v := newVars(nil)
		if err := v.set("timezone", zone, false); err != nil {
			t.Fatal(err)
		}
		if got := at.In(v.env.Zone).Format("15:04"); got != want {
			t.Errorf("%s: %s, want %s", zone, got, want)
		}
	}
}

func TestEffectivePath(t *testing.T) {
	v := newVars(nil)
	snap := catalog.New().WithSchema("bob").WithSchema("x")
	if got := fmt.Sprint(v.effectivePath(snap, "bob")); got != "[bob public]" {
		t.Error(got)
	}
	if err := v.set("search_path", `x, nope, "$user"`, false); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(v.effectivePath(snap, "al")); got != "[x]" {
		t.Error(got)
	}
}

func TestShowAllHasDocs(t *testing.T) {
	for _, p := range parameterList {
		if p.Doc == "" || p.Kind == "" || p.Context == "" {
			t.Errorf("%s lacks something", p.Name)
		}
	}
	if len(parameterList) < 200 {
		t.Error(len(parameterList))
	}
}
