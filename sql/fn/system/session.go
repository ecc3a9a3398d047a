package system

import (
	"strconv"
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	define(familySession, fn.Stable, []spec{
		{name: "version", args: "-", ret: textT, f: info("version"), summary: "Name and version of the server."},
		{name: "current_database", args: "-", ret: nameT, f: info("database"), summary: "Name of the database."},
		{name: "current_catalog", args: "-", ret: nameT, f: info("database"), summary: "Name of the database."},
		{name: "current_user", args: "-", ret: nameT, f: info("user"), summary: "Role that statements run as."},
		{name: "current_role", args: "-", ret: nameT, f: info("user"), summary: "Role that statements run as."},
		{name: "user", args: "-", ret: nameT, f: info("user"), summary: "Role that statements run as."},
		{name: "session_user", args: "-", ret: nameT, f: info("session_user"), summary: "Role that logged in."},
		{name: "current_schema", args: "-", ret: nameT, f: currentSchema, summary: "First schema of the search path."},
		{name: "current_schemas", args: "b", ret: namesT, f: currentSchemas, strict: true, summary: "Schemas of the search path, with the implicit ones if asked."},
		{name: "current_setting", args: "t", ret: textT, f: currentSetting, strict: true, summary: "Value of a run-time parameter."},
		{name: "current_setting", args: "tb", ret: textT, f: currentSetting, strict: true, summary: "Value of a run-time parameter, NULL if there is none and the second argument is true."},
		{name: "pg_backend_pid", args: "-", ret: int4T, f: number("backend_pid"), summary: "Process id of the connection, for pg_cancel_backend."},
		{name: "pg_client_encoding", args: "-", ret: nameT, f: always(types.TextDatum("UTF8")), summary: "Encoding that the client uses."},
		{name: "getdatabaseencoding", args: "-", ret: nameT, f: always(types.TextDatum("UTF8")), summary: "Encoding of the database."},
		{name: "inet_client_addr", args: "-", ret: textT, f: orNull("client_addr"), summary: "Address of the client."},
		{name: "inet_client_port", args: "-", ret: int4T, f: number("client_port"), summary: "Port of the client."},
		{name: "inet_server_addr", args: "-", ret: textT, f: null, summary: "Address of the server; not told."},
		{name: "inet_server_port", args: "-", ret: int4T, f: null, summary: "Port of the server; not told."},
		{name: "pg_postmaster_start_time", args: "-", ret: tstzT, f: startTime, summary: "When the server started."},
		{name: "pg_conf_load_time", args: "-", ret: tstzT, f: startTime, summary: "When the configuration was read."},
		{name: "pg_is_in_recovery", args: "-", ret: boolT, f: no, summary: "Always false."},
		{name: "pg_is_wal_replay_paused", args: "-", ret: boolT, f: no, summary: "Always false."},
		{name: "pg_my_temp_schema", args: "-", ret: oidT, f: zero, summary: "Always 0: there are no temporary schemas."},
		{name: "pg_is_other_temp_schema", args: "o", ret: boolT, f: no, strict: true, summary: "Always false."},
		{name: "pg_trigger_depth", args: "-", ret: int4T, f: zero, summary: "Always 0."},
		{name: "pg_jit_available", args: "-", ret: boolT, f: no, summary: "Always false."},
		{name: "txid_current", args: "-", ret: int8T, f: transactionID, summary: "A number for the transaction that grows with time."},
		{name: "txid_current_if_assigned", args: "-", ret: int8T, f: null, summary: "Always NULL."},
	})
	define(familyAdmin, fn.Volatile, []spec{
		{name: "set_config", args: "ttb", ret: textT, f: setConfig, summary: "Sets a run-time parameter; the third argument limits it to the transaction."},
		{name: "pg_cancel_backend", args: "i", ret: boolT, f: ask("pg_cancel_backend"), strict: true, summary: "Cancels the running statement of a connection."},
		{name: "pg_terminate_backend", args: "i il", ret: boolT, f: ask("pg_terminate_backend"), strict: true, summary: "Ends a connection."},
		{name: "pg_sleep", args: "f", ret: voidT, f: ask("pg_sleep"), strict: true, summary: "Waits for some seconds."},
		{name: "pg_notify", args: "tt", ret: voidT, f: ask("pg_notify"), summary: "Sends a notification, as NOTIFY does."},
		{name: "pg_reload_conf", args: "-", ret: boolT, f: yes, summary: "Does nothing."},
		{name: "pg_advisory_lock", args: "l ii", ret: voidT, f: doNone, strict: true, summary: "Accepted without effect."},
		{name: "pg_advisory_xact_lock", args: "l ii", ret: voidT, f: doNone, strict: true, summary: "Accepted without effect."},
		{name: "pg_try_advisory_lock", args: "l ii", ret: boolT, f: yes, strict: true, summary: "Accepted without effect."},
		{name: "pg_try_advisory_xact_lock", args: "l ii", ret: boolT, f: yes, strict: true, summary: "Accepted without effect."},
		{name: "pg_advisory_unlock", args: "l ii", ret: boolT, f: yes, strict: true, summary: "Accepted without effect."},
		{name: "pg_advisory_unlock_all", args: "-", ret: voidT, f: doNone, summary: "Accepted without effect."},
	})
}

func currentSchema(c *fn.Ctx, _ []types.Datum) (types.Datum, error) {
	d, err := info("schema")(c, nil)
	d.Null = len(d.S) == 0
	return d, err
}

func currentSchemas(c *fn.Ctx, args []types.Datum) (types.Datum, error) {
	d, err := info("search_path")(c, nil)
	if err != nil {
		return d, err
	}
	var list []types.Datum
	path := strings.Split(string(d.S), ",")
	if args[0].B {
		path = append([]string{"pg_catalog"}, path...)
	}
	for i, s := range path {
		if s != "" && (i == 0 || s != "pg_catalog") {
			list = append(list, types.Datum{Type: nameT, S: []byte(s)})
		}
	}
	return types.ArrayDatum(nameT, list), nil
}

func currentSetting(c *fn.Ctx, args []types.Datum) (types.Datum, error) {
	if c.Session == nil {
		return types.Datum{}, noSession("current_setting")
	}
	v, ok := c.Session.Setting(string(args[0].S))
	if !ok {
		if len(args) > 1 && args[1].B {
			return types.Datum{Null: true}, nil
		}
		return types.Datum{}, sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", args[0].S)
	}
	return types.TextDatum(v), nil
}

func setConfig(c *fn.Ctx, args []types.Datum) (types.Datum, error) {
	if c.Session == nil {
		return types.Datum{}, noSession("set_config")
	}
	if args[0].Null {
		return types.Datum{}, sqlerr.New(sqlerr.NullValueNotAllowed, "SET requires parameter name")
	}
	name := string(args[0].S)
	if err := c.Session.SetSetting(name, string(args[1].S), !args[2].Null && args[2].B); err != nil {
		return types.Datum{}, err
	}
	v, _ := c.Session.Setting(name)
	return types.TextDatum(v), nil
}

func number(what string) body {
	return func(c *fn.Ctx, _ []types.Datum) (types.Datum, error) {
		d, err := info(what)(c, nil)
		if err != nil {
			return d, err
		}
		n, bad := strconv.ParseInt(string(d.S), 10, 64)
		return types.Datum{Null: bad != nil, I: n}, nil
	}
}

func orNull(what string) body {
	return func(c *fn.Ctx, _ []types.Datum) (types.Datum, error) {
		d, err := info(what)(c, nil)
		d.Null = len(d.S) == 0
		return d, err
	}
}

func startTime(c *fn.Ctx, _ []types.Datum) (types.Datum, error) {
	d, err := info("started")(c, nil)
	if err != nil {
		return d, err
	}
	return types.ParseText(tstzT, string(d.S), &c.Env)
}

// transactionID stands in for what a system without transaction ids does not have.
func transactionID(c *fn.Ctx, _ []types.Datum) (types.Datum, error) {
	return types.Datum{I: c.Now / 1000}, nil
}
