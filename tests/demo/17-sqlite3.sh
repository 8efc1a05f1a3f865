# title: sqlite3: joins, an index, aggregates
# shell: bash
sqlite3 test.db <<'END'
create table t (id integer primary key, name text, v real);
with recursive c(i) as (select 1 union all select i + 1 from c where i < 2000) insert into t select i, 'name' || (i * 7919 % 1000), i * 0.37 from c;
create index t_name on t(name);
create table u (id integer primary key, t_id integer references t(id), w integer);
insert into u select id, (id * 31) % 2000 + 1, id % 13 from t;
select count(*), sum(v), avg(v), min(name), max(name) from t;
select t.name, count(*), sum(u.w), round(avg(t.v), 4) from t join u on u.t_id = t.id where t.name like 'name1%' group by t.name order by 2 desc, 1 limit 5;
explain query plan select * from t where name = 'name5';
begin; update t set v = v * 2 where id % 3 = 0; select round(total(v), 6) from t; rollback; select round(total(v), 6) from t;
select group_concat(w, ',') from (select distinct w from u order by w); select hex(randomblob(4)) != '', typeof(1.5), 1 / 3.0, printf('%.3f|%05d|%s', 2.0 / 3, 42, 'x');
pragma integrity_check;
END
