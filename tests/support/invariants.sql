-- What holds of the database at every moment between two transactions, whatever was done, by
-- however many at once, and whatever crashed meanwhile. The last statement is one text: a line for
-- each fault, or null. All in one snapshot, so that others may go on writing.
begin isolation level repeatable read;

create function pg_temp.rows_of(space text, ending text)
returns table (resource text, id uuid) language plpgsql as $$
declare
  path text;
begin
  for path in select m.resource from published.model m loop
    return query execute format('select %L::text, t.id from %I.%I t', path, space,
                                replace(path, '-', '_') || ending);
  end loop;
end
$$;
create function pg_temp.documents()
returns table (resource text, id uuid, slug text, etag text, updated_at timestamptz, document jsonb)
language plpgsql as $$
declare
  path text;
begin
  for path in select m.resource from published.model m loop
    return query execute format(
      'select %L::text, d.id, d.slug, d.etag, d.updated_at, d.document::jsonb '
      'from published.%I d', path, replace(path, '-', '_') || '_documents');
  end loop;
end
$$;
create temporary table document as select * from pg_temp.documents();
create index on document (id);
analyze document;
-- Whatever a document shows of another record.
create temporary table shown as
  select d.resource, d.id, found.reference
    from document d
   cross join lateral jsonb_path_query(
           d.document, 'strict $.**.* ? (@.type() == "object" && exists (@.id) && exists (@.slug))',
           silent => true) found(reference);

create temporary table fault (rule text, detail text);

insert into fault
select 'the history of a record is a line without gaps, from 1 to record.latest',
       format('%s %s: latest %s, %s versions from %s to %s', r.resource, r.id, r.latest,
              count(v.version), min(v.version), max(v.version))
  from catalogue.record r left join catalogue.version v on v.record_id = r.id
 group by r.id
having count(v.version) <> r.latest or min(v.version) <> 1 or max(v.version) <> r.latest;

insert into fault
select 'times do not go back within a history', format('%s: version %s', record_id, version)
  from (select v.*, lag(v.at) over (partition by v.record_id order by v.version) as before
          from catalogue.version v) v
 where v.at < v.before - interval '5 seconds'; -- a transaction's time is that of its beginning

insert into fault
select 'only a change that waits is above what the tables hold',
       format('%s %s: version %s, latest %s, review %s', resource, id, version, latest, review)
  from catalogue.record
 where (version < latest) <> (review is not null);

insert into fault
select 'a record is in the state of its last version',
       format('%s %s: %s/%s, its version %s/%s', r.resource, r.id, r.status, r.review, v.status,
              v.review)
  from catalogue.record r join catalogue.version v on v.record_id = r.id and v.version = r.latest
 where (r.status, r.review) is distinct from (v.status, v.review);

insert into fault
select 'a record is deleted when its last version says so, and only then',
       format('%s %s: deleted at %s, last action %s', r.resource, r.id, r.deleted_at, v.action)
  from catalogue.record r join catalogue.version v on v.record_id = r.id and v.version = r.latest
 where (r.deleted_at is not null) <> (v.action in ('delete', 'merge'));

insert into fault
select 'a record has a row in the table of its resource until it is deleted',
       format('%s %s: deleted at %s', coalesce(r.resource, t.resource), coalesce(r.id, t.id),
              r.deleted_at)
  from catalogue.record r
  full join pg_temp.rows_of('catalogue', '') t on t.id = r.id and t.resource = r.resource
 where r.id is null or (t.id is not null) <> (r.deleted_at is null);

insert into fault
select 'what the tables hold is what its version says',
       format('%s %s: version %s', r.resource, r.id, r.version)
  from catalogue.record r
 cross join lateral (
       select v.digest from catalogue.version v
        where v.record_id = r.id and v.version <= r.version and v.digest is not null
        order by v.version desc limit 1) live
 where r.deleted_at is null and r.digest is not null and live.digest <> r.digest;

insert into fault
select format('nothing is in published.…%s but what is published', ending),
       format('%s %s: %s, deleted at %s', t.resource, t.id, r.status, r.deleted_at)
  from (values (''), ('_documents')) kind(ending)
 cross join lateral pg_temp.rows_of('published', kind.ending) t
  left join catalogue.record r on r.id = t.id and r.resource = t.resource
 where r.id is null or r.status <> 'published' or r.deleted_at is not null;
insert into fault
select 'what is published is in published.…, whole', format('%s %s', r.resource, r.id)
  from catalogue.record r
 where r.status = 'published' and r.deleted_at is null
   and (not exists (select from document d where d.id = r.id and d.resource = r.resource)
        or not exists (select from pg_temp.rows_of('published', '') t
                        where t.id = r.id and t.resource = r.resource));

insert into fault
select 'a document is of the version that is public',
       format('%s %s: %s %s %s, not %s %s %s', r.resource, r.id, d.document ->> 'version', d.slug,
              d.updated_at, r.version, r.slug, r.updated_at)
  from document d join catalogue.record r on r.id = d.id
 where (d.document ->> 'version')::integer <> r.version or d.slug <> r.slug
    or d.document ->> 'slug' <> r.slug or d.document ->> 'status' <> 'published'
    or d.updated_at <> r.updated_at;

insert into fault
select 'a document shows what is public alone, under its present slug and name',
       format('%s %s shows %s', s.resource, s.id, s.reference)
  from shown s left join document d on d.id = (s.reference ->> 'id')::uuid
 where d.id is null or d.slug <> s.reference ->> 'slug'
    or (s.reference ? 'title'
        and coalesce(d.document ->> 'title', d.document ->> 'name') <> s.reference ->> 'title');

insert into fault
select 'the forms of a record in its public history do not overlap',
       format('%s: from %s, from %s', a.id, a.valid_from, b.valid_from)
  from published.history a join published.history b on b.id = a.id and b.valid_from > a.valid_from
 where coalesce(a.valid_to, 'infinity') > b.valid_from;
insert into fault
select 'each form was there for a while', format('%s: %s to %s', id, valid_from, valid_to)
  from published.history where valid_to <= valid_from;
insert into fault
select 'the present in the public history is what is public now',
       format('%s: %s, the document %s', coalesce(h.id, d.id), h.etag, d.etag)
  from (select * from published.history where valid_to is null) h
  full join document d on d.id = h.id
 where h.id is null or d.id is null or (h.etag, h.slug) <> (d.etag, d.slug);

insert into fault
select 'what is public is not gone', format('%s %s', g.resource, g.id)
  from published.gone g join document d on d.id = g.id;
insert into fault
select 'what was public and is not is gone', format('%s %s', r.resource, r.id)
  from catalogue.record r
 where r.first_published_at is not null and (r.status <> 'published' or r.deleted_at is not null)
   and not exists (select from published.gone g where g.id = r.id and g.resource = r.resource);
insert into fault
select 'an old address leads to a record', format('%s %s: %s', m.resource, m.slug, m.id)
  from published.moved m left join catalogue.record r on r.id = m.id and r.resource = m.resource
 where r.id is null;

insert into fault
with recursive step as (
  select r.id as start, r.replaced_by as at, 1 as length
    from catalogue.record r where r.replaced_by is not null
  union all
  select s.start, r.replaced_by, s.length + 1
    from step s join catalogue.record r on r.id = s.at
   where r.replaced_by is not null and s.length < 50)
select 'what was merged leads somewhere', format('%s goes round', start)
  from step where length = 50 or at = start;
insert into fault
select 'what was merged is deleted', format('%s %s', resource, id)
  from catalogue.record where replaced_by is not null and deleted_at is null;

insert into fault
select 'the audit log is as it was written', format('%s %s: %s', f.chain, f.place, f.fault)
  from audit.faults() f;
-- Asking again for what is there already is noted, too, and makes no version.
insert into fault
select 'every step of somebody has its entry in the audit log',
       format('%s: version %s, %s, %s entries', v.record_id, v.version, v.action, count(e.chain))
  from catalogue.version v
  left join audit.entry e on e.record_id = v.record_id and e.version = v.version
       and e.role = v.role and e.client_id is not distinct from v.client_id
       and e.action = any (case v.action when 'update' then array['record.patch', 'record.replace']
                                         else array['record.' || v.action] end)
 where v.role <> 'system' and v.action not in ('redirect', 'merge', 'accept')
 group by v.record_id, v.version
having count(e.chain) < 1
    or (count(e.chain) > 1 and v.action not in ('update', 'submit', 'restore'));

insert into fault
select 'the change log tells of each record in its order',
       format('%s %s: %s of version %s after %s of version %s', c.resource, c.record_id, c.kind,
              c.version, c.kind_before, c.version_before)
  from (select c.*, lag(c.kind) over line as kind_before, lag(c.version) over line as version_before
          from catalogue.change c window line as (partition by c.record_id order by c.seq)) c
 where c.version < c.version_before
    or (c.kind = 'created') <> (coalesce(c.kind_before, 'deleted') = 'deleted');
insert into fault
select 'the change log ends with what is public',
       format('%s %s: %s', r.resource, r.id, last.kind)
  from catalogue.record r
  left join lateral (select c.kind from catalogue.change c
                      where c.record_id = r.id order by c.seq desc limit 1) last on true
 where (coalesce(last.kind, 'deleted') <> 'deleted')
       <> (r.status = 'published' and r.deleted_at is null);

insert into fault
select 'a key is kept with what came of it', format('%s %s', k.caller, k.key)
  from identity.idempotency_key k where k.status is null or k.status >= 300;
insert into fault
select 'what a key stands for is there', format('%s %s: %s', k.caller, k.key, k.record_id)
  from identity.idempotency_key k
 where k.version is not null
   and not exists (
       select from catalogue.version v where v.record_id = k.record_id and v.version = k.version)
   and not exists (
       select from mentoring.pair_move m where m.pair_id = k.record_id and m.version = k.version)
   and not exists (select from mentoring.meeting m where m.id = k.record_id)
   and not exists (select from mentoring.goal g where g.id = k.record_id)
   and not exists (select from mentoring.participant p where p.id = k.record_id);

insert into fault
select 'the history of a pair is a line without gaps, which ends where the pair is',
       format('%s: version %s, %s moves, %s', p.id, p.version, count(m.version), p.state)
  from mentoring.pair p left join mentoring.pair_move m on m.pair_id = p.id
 group by p.id
having count(m.version) <> p.version or max(m.version) <> p.version
    or (array_agg(m.to_state order by m.version desc))[1] <> p.state;
insert into fault
select 'each move begins where the one before it ended', format('%s: version %s', pair_id, version)
  from (select m.*, lag(m.to_state) over (partition by m.pair_id order by m.version) as before
          from mentoring.pair_move m) m
 where m.from_state is distinct from m.before;
insert into fault
select 'every move has its entry in the audit log', format('%s: version %s', m.pair_id, m.version)
  from mentoring.pair_move m
 where m.move not in ('propose', 'withdraw', 'end') -- by a cohort, by consent that was withdrawn
   and not exists (select from audit.entry e
                    where e.record_id = m.pair_id and e.version = m.version
                      and e.action = 'pair.' || m.move
                      and (e.role = 'service') = (m.actor = 'service'));
insert into fault
select 'a mentor is in no more pairs than there is room for', format('%s: %s', p.mentor_id, count(*))
  from mentoring.pair p
  join mentoring.participant m on m.id = p.mentor_id
  join catalogue.mentoring_programmes g on g.id = p.programme_id
 where p.state in ('proposed', 'accepted', 'active', 'paused')
 group by p.mentor_id, m.capacity, g.mentor_capacity
having count(*) > least(m.capacity, coalesce(g.mentor_capacity, 1));
insert into fault
select 'a mentee is in one pair at a time', format('%s: %s', p.mentee_id, count(*))
  from mentoring.pair p where p.state in ('proposed', 'accepted', 'active', 'paused')
   and p.mentee_id is not null
 group by p.mentee_id having count(*) > 1;
insert into fault
select 'who has withdrawn consent is in no pair', format('%s', p.id)
  from mentoring.pair p
  join mentoring.participant w on w.id in (p.mentor_id, p.mentee_id)
 where p.state in ('proposed', 'accepted', 'active', 'paused')
   and (w.withdrawn_at is not null
        or (p.state in ('proposed', 'accepted') and not exists (
          select from mentoring.consent c where c.participant_id = w.id
             and c.purpose = 'matching' and c.withdrawn_at is null)));

select string_agg(rule || ': ' || detail, E'\n')
  from (select f.*, row_number() over (partition by rule order by detail) as nth from fault f) f
 where nth <= 5;
