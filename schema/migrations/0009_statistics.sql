-- Statistics of mentoring.

set local express.role = 'system';
set local role express_owner;

-- Of a week of a year: see below.
create index pair_ended_at on mentoring.pair (ended_at) where state in ('completed', 'ended_early');

-- --- what the public is told of mentoring ----------------------------------------------------------

-- One row a year, made once. Nothing else about mentoring is readable without a token, and nothing
-- of it is counted when somebody asks.
create table published.mentoring_statistics (
  year integer primary key check (year between 2000 and 9999),
  published_at timestamptz not null default now(),
  document json not null
);
comment on table published.mentoring_statistics is
  'Counts of mentoring, one publication for each year, from which nothing follows about few people.';
grant select on published.mentoring_statistics to express_public, express_writer;

-- A second publication about the same pairs would tell by its difference who came or went.
create function published.keep_statistics() returns trigger
language plpgsql as $$
begin
  raise exception using errcode = 'check_violation', constraint = 'statistics_are_kept';
end
$$;
create trigger keep before update or delete on published.mentoring_statistics
  for each row execute function published.keep_statistics();

-- From 1 July of the year after: six months after its last day, when the last outcomes are known.
create function mentoring.statistics_are_due(of_year integer) returns boolean
language sql stable
return coalesce(identity.acting_role() in ('service', 'system'), false)
       and make_date(of_year + 1, 7, 1) <= (now() at time zone 'UTC')::date
       and not exists (select from published.mentoring_statistics s where s.year = of_year);

-- The pairs that ended in a year and that both sides agreed to be counted in, a week at a time,
-- without anything that leads to the two: people are numbers that hang on a seed, which whoever asks
-- makes and forgets. Each pair has one country, sector and language.
create function mentoring.statistics_rows(of_year integer, week integer, seed bigint)
  returns table (mentor bigint, mentee bigint, programme bigint, country text, sector text, language text,
                 completion text, waited_days integer, meetings bigint, outcome text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select hashtextextended(o.subject, seed), hashtextextended(e.subject, seed),
         hashtextextended(p.programme_id::text, seed),
         coalesce(m.country, 'unknown'),
         case cardinality(e.sectors) when 0 then 'unknown' when 1 then e.sectors[1]
                                     else 'several' end,
         coalesce((select l.language from mentoring.participant_language l
                    where l.participant_id = e.id order by l.level desc, l.language limit 1),
                  'unknown'),
         p.state, extract(day from p.started_at - e.created_at)::integer,
         (select count(*) from mentoring.meeting g where g.pair_id = p.id and g.state = 'held'),
         (select c.code from mentoring.outcome c where c.pair_id = p.id
           order by array_position(array['business_created', 'job', 'training', 'other', 'none'],
                                   c.code) limit 1)
    from mentoring.pair p
    join mentoring.participant o on o.id = p.mentor_id
    join mentoring.participant e on e.id = p.mentee_id
    join catalogue.mentoring_programmes m on m.id = p.programme_id
   where mentoring.statistics_are_due(of_year)
     and o.withdrawn_at is null and e.withdrawn_at is null
     and p.state in ('completed', 'ended_early')
     and p.ended_at >= make_timestamptz(of_year, 1, 1, 0, 0, 0, 'UTC') + week * interval '7 days'
     and p.ended_at < least(make_timestamptz(of_year + 1, 1, 1, 0, 0, 0, 'UTC'),
                            make_timestamptz(of_year, 1, 1, 0, 0, 0, 'UTC')
                            + (week + 1) * interval '7 days')
     and (select count(*) from mentoring.consent c
           where c.participant_id in (o.id, e.id) and c.purpose = 'statistics'
             and c.withdrawn_at is null) = 2;
end;

create function mentoring.publish_statistics(of_year integer, document json) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not mentoring.statistics_are_due(of_year) then
    return false;
  end if;
  insert into published.mentoring_statistics (year, document) values (of_year, document)
    on conflict do nothing;
  return found;
end
$$;
revoke all on function mentoring.statistics_rows, mentoring.publish_statistics,
  mentoring.statistics_are_due, published.keep_statistics from public;
grant execute on function mentoring.statistics_rows, mentoring.publish_statistics,
  mentoring.statistics_are_due to express_writer;

reset role;
