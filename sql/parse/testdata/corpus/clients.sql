SELECT "public"."orders"."id" AS "id", DATE_TRUNC('month', CAST("public"."orders"."created_at" AS timestamptz)) AS "created_at", percentile_cont(0.5) within group (order by "public"."orders"."total") AS "median" FROM "public"."orders" GROUP BY DATE_TRUNC('month', CAST("public"."orders"."created_at" AS timestamptz)) ORDER BY DATE_TRUNC('month', CAST("public"."orders"."created_at" AS timestamptz)) ASC LIMIT 1048575
----
SELECT floor(extract(epoch from t)/60)*60 AS "time", avg(v) AS "v", count(*) AS "n: $ ? -" FROM m WHERE t BETWEEN '2024-01-01T00:00:00Z' AND '2024-01-02T00:00:00Z' GROUP BY 1 ORDER BY 1
----
SELECT ("source"."j"#>> array['a']::text[])::bigint AS x FROM (SELECT "public"."t"."j" AS "j" FROM "public"."t") AS "source" LIMIT 2000
----
select "_"."x", count(distinct("rows"."x")) + max(case when "rows"."x" is null then 1 else 0 end) as "c" from (select * from "public"."t" "$Table") "rows" cross join (values (1)) "_"("x") group by "_"."x" limit 1000001
----
SELECT TO_TIMESTAMP('2020-01-01 00:00:00.0','YYYY-MM-DD HH24:MI:SS.US'), timestamp 'epoch' + x * interval '1 second', INTERVAL '-12 month', x AT TIME ZONE 'UTC', TRIM(BOTH '"' FROM y), substring(z FROM '[0-9]+$') FROM t WHERE upper(n::text) LIKE upper('%x%')
----
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN CASE WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind WHEN 'r' THEN 'SYSTEM TABLE' ELSE NULL END ELSE CASE c.relkind WHEN 'r' THEN 'TEMPORARY TABLE' ELSE NULL END END WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS, '' as TYPE_CAT FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND (false OR ( c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')) ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME
----
SELECT * FROM (SELECT n.nspname,c.relname,a.attname,a.atttypid,a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,t.typtype  FROM pg_catalog.pg_namespace n  JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid)  JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid)  JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid)  LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped) c WHERE true ORDER BY nspname,c.relname,attnum
----
SELECT result.TABLE_CAT, (result.KEYS).n AS KEY_SEQ FROM (SELECT NULL AS TABLE_CAT, information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid)) result where result.A_ATTNUM = (result.KEYS).x ORDER BY result.TABLE_CAT
----
SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid FROM (SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid, CASE WHEN elemproc.proname='array_recv' THEN 'a' ELSE elemtyp.typtype END AS elemtyptype FROM (SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid, CASE WHEN proc.proname='array_recv' THEN 'a' ELSE typ.typtype END AS typtype, CASE WHEN proc.proname='array_recv' THEN typ.typelem WHEN typ.typtype='r' THEN rngsubtype WHEN typ.typtype='d' THEN typ.typbasetype END AS elemtypoid FROM pg_type AS typ LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid) LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)) AS typ LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemtypoid LEFT JOIN pg_proc AS elemproc ON elemproc.oid = elemtyp.typreceive) AS t JOIN pg_namespace AS ns ON (ns.oid = typnamespace) WHERE typtype IN ('b', 'r', 'm', 'e', 'd') OR (typtype = 'c' AND relkind='c') OR (typtype = 'p' AND typname IN ('record', 'void', 'unknown')) ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 ELSE 7 END
----
WITH RECURSIVE typeinfo_tree(oid, ns, name, kind, basetype, elemtype, elemdelim, range_subtype, attrtypoids, attrnames, depth) AS (SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim, ti.range_subtype, ti.attrtypoids, ti.attrnames, 0 FROM (SELECT t.oid AS oid FROM pg_catalog.pg_type AS t) AS ti WHERE ti.oid = any($1::oid[]) UNION ALL SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim, ti.range_subtype, ti.attrtypoids, ti.attrnames, tt.depth + 1 FROM typeinfo_tree tt, x ti WHERE (tt.elemtype IS NOT NULL AND ti.oid = tt.elemtype) OR (tt.attrtypoids IS NOT NULL AND ti.oid = any(tt.attrtypoids))) SELECT DISTINCT *, basetype::regtype::text AS basetype_name FROM typeinfo_tree ORDER BY depth DESC
----
SELECT coalesce(json_agg("root"), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_1_e" FROM (SELECT "_0_root.base"."id" AS "id") AS "_1_e")) AS "root" FROM (SELECT * FROM "public"."author" WHERE ('true')) AS "_0_root.base") AS "_2_root"
----
SELECT array(select json_build_object('n', conname) from pg_constraint where conrelid = c.oid), string_agg(x, ',' ORDER BY y) FILTER (WHERE z), array_agg(DISTINCT a ORDER BY a), (current_schemas(false))[1], ARRAY[1,2] @> ARRAY[1], i.indoption[0] & 1 = 1, generate_subscripts(i.indkey, 1) AS k FROM pg_class c
----
SELECT COUNT(*) FROM pg_class WHERE relname = ANY($1) AND pg_catalog.pg_table_is_visible(oid) AND relkind = ANY(ARRAY['r'::text, 'v'::text, 'm'::text, 'f'::text, 'p'::text])
----
BEGIN; SET LOCAL statement_timeout = '5s'; SELECT set_config('search_path', $1, true); COMMIT
----
SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;
----
SET SESSION AUTHORIZATION DEFAULT; RESET ALL; DEALLOCATE ALL; CLOSE ALL; UNLISTEN *; DISCARD SEQUENCES; DISCARD TEMP
----
set client_encoding='UTF8'; SET extra_float_digits = 3; SET application_name TO 'pgAdmin 4 - DB:postgres'; set datestyle=ISO; SET bytea_output=hex; SET standard_conforming_strings TO on; SET row_security = off
----
CREATE LOCAL TEMPORARY TABLE "#Tableau_0_1_Connect_Check" ("COL" INTEGER) ON COMMIT PRESERVE ROWS
----
BEGIN;declare "SQL_CUR0x1" cursor with hold for SELECT 1;fetch 2048 in "SQL_CUR0x1"
----
create source bid (auction bigint, bidder bigint, price bigint, channel varchar, url varchar, date_time timestamp, extra varchar, watermark for date_time as date_time - interval '4 seconds') with (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.split.num = '2') format plain encode json
----
create materialized view q5 as select auctionbids.auction, auctionbids.num from (select bid.auction, count(*) as num, window_start as starttime from hop(bid, date_time, interval '2' second, interval '10' second) group by window_start, bid.auction) as auctionbids join (select max(countbids.num) as maxn, countbids.starttime_c from (select count(*) as num, window_start as starttime_c from hop(bid, date_time, interval '2' second, interval '10' second) group by bid.auction, window_start) as countbids group by countbids.starttime_c) as maxbids on auctionbids.starttime = maxbids.starttime_c and auctionbids.num >= maxbids.maxn
----
create sink q7 as select b.auction, b.price, b.bidder, b.date_time from bid b join (select max(price) as maxprice, window_end as date_time from tumble(bid, date_time, interval '10' second) group by window_end) b1 on b.price = b1.maxprice where b.date_time between b1.date_time - interval '10' second and b1.date_time with (connector = 'blackhole', type = 'append-only', force_append_only = 'true')
