-- Financing: who may apply in codes, until when one can apply, how a public share changes, and what
-- currencies are worth.

set local express.role = 'system';
set local role express_owner;

-- --- facts of an offer ------------------------------------------------------------------------

alter table catalogue.financing_offers
  add column eligibility_minimum_age integer check (eligibility_minimum_age between 0 and 150),
  add column eligibility_maximum_age integer check (eligibility_maximum_age between 0 and 150),
  add column eligibility_genders text[],
  add column eligibility_residence_statuses text[],
  add column eligibility_languages text[],
  add column eligibility_purposes text[],
  add column eligibility_open_to_all text[],
  add column application_deadline_kind text,
  add column application_time_zone text,
  add column application_opens_on date,
  add column application_recurring boolean,
  add constraint financing_offers_ages_in_order check (
    eligibility_minimum_age <= eligibility_maximum_age);

create table catalogue.financing_offers_application_deadlines (
  record_id uuid not null references catalogue.financing_offers (id) on delete cascade,
  position integer not null check (position >= 0),
  date date not null,
  time text check (time ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$'),
  label text,
  key text check (key ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
  cancelled boolean,
  primary key (record_id, position)
);
comment on table catalogue.financing_offers_application_deadlines is
  'financing_offers.application.deadlines: Until when one can apply, in the offer''s time zone.';
select catalogue.protect_resource('catalogue.financing_offers_application_deadlines', 'record_id');

alter table catalogue.financing_offers_schedule
  add column date catalogue.partial_date,
  add column from_month integer check (from_month between 0 and 600),
  add column until_month integer check (until_month between 1 and 600),
  add column interpolation text,
  add constraint financing_offers_schedule_months_in_order check (from_month < until_month);

-- Calendars tell of what was public until a while ago.
create index history_ended on published.history (resource, valid_to) where valid_to is not null;

-- --- what currencies are worth ------------------------------------------------------------------

create table published.exchange_rate (
  currency text not null check (currency ~ '^[A-Z]{3}$' and currency <> 'EUR'),
  date date not null,
  rate numeric not null check (rate > 0),
  source text not null check (length(source) between 1 and 200),
  imported_at timestamptz not null default now(),
  primary key (currency, date)
);
comment on table published.exchange_rate is
  'So many of the currency were one euro on that day. Kept by the operator: express-api rates.';
grant select on published.exchange_rate to express_public, express_writer;

-- euro_rate() - the rate of a day, or the last before it; the euro itself is worth one
create function published.euro_rate(in currency text, in day date, out rate numeric, out date date,
                                    out source text)
returns setof record language sql stable rows 1 as $$
  (select r.rate, r.date, r.source from published.exchange_rate r
    where r.currency = $1 and r.date <= $2 order by r.date desc limit 1)
  union all
  select 1, null, null where $1 = 'EUR'
$$;

-- to_cents() - euros to the cent, half cents to the even one: as everything that computes with sums
create function published.to_cents(euros numeric) returns numeric
language sql immutable parallel safe as $$
  select round(case when euros * 100 % 1 = 0.5 then round(euros * 50) / 50 else euros end, 2)
$$;

-- --- what time makes of the facts -----------------------------------------------------------------

-- One row for each span of time in which an offer is upcoming, open until some deadline, or closed.
-- Made of the facts when a record is rendered, read at any later time: nobody has to write for an
-- offer to close. An offer that says nothing of this has one row without a status.
create table published.financing_moment (
  id uuid not null,
  valid_from timestamptz not null,
  valid_until timestamptz not null,
  application_status text,
  next_deadline date,
  closes_at timestamptz,
  time_zone text,
  closing_times json,
  minimum_amount numeric,
  maximum_amount numeric,
  currency text,
  closed_since timestamptz,
  primary key (id, valid_from)
);
create index financing_moment_status on published.financing_moment
  (application_status, valid_until);
create index financing_moment_next on published.financing_moment (next_deadline);
comment on table published.financing_moment is
  'Spans of time in which the application to a published offer is in one state.';
grant select on published.financing_moment to express_public;
grant select, insert, update, delete on published.financing_moment to express_writer;

-- financing_deadlines() - the deadlines of a document, each with the moment from which it is past
-- A bare date lasts until the midnight that ends it in the offer's own zone. An hour that is there
-- twice when clocks go back is the second of them, as PostgreSQL reads it.
create function published.financing_deadlines(in document json, out place bigint,
                                              out date date, out cancelled boolean,
                                              out past_from timestamptz)
returns setof record language sql stable as $$
  select d.place, (d.item ->> 'date')::date,
         coalesce((d.item ->> 'cancelled')::boolean, false),
         case when d.item ->> 'time' is null
              then ((d.item ->> 'date')::date + 1)::timestamp
              else ((d.item ->> 'date') || ' ' || (d.item ->> 'time'))::timestamp
         end at time zone (document #>> '{application,time_zone}')
    from json_array_elements(document #> '{application,deadlines}')
         with ordinality as d(item, place)
$$;

-- financing_moments() - the spans of a document; they follow each other without a gap
create function published.financing_moments(in document json, out valid_from timestamptz,
  out valid_until timestamptz, out application_status text, out next_deadline date,
  out closes_at timestamptz, out time_zone text, out closing_times json,
  out minimum_amount numeric, out maximum_amount numeric, out currency text)
returns setof record language sql stable as $$
  with facts as materialized (
    select document #>> '{application,time_zone}' as zone,
           document #>> '{application,deadline_kind}' as kind,
           (document #>> '{application,opens_on}')::date as opens_on,
           document ->> 'activity_status' as said,
           document #>> '{minimum_amount,currency}' as minimum_currency,
           document #>> '{maximum_amount,currency}' as maximum_currency,
           (document #>> '{minimum_amount,amount}')::numeric as minimum,
           (document #>> '{maximum_amount,amount}')::numeric as maximum),
  deadlines as materialized (
    select d.* from published.financing_deadlines(document) d),
  lasting as materialized (
    select d.date, d.past_from from deadlines d where not d.cancelled),
  turns as (
    select '-infinity'::timestamptz as at
    union select f.opens_on::timestamp at time zone f.zone from facts f where f.opens_on is not null
    union select l.past_from from lasting l),
  spans as (
    select t.at as valid_from, lead(t.at, 1, 'infinity'::timestamptz) over (order by t.at)
           as valid_until from turns t)
  select s.valid_from, s.valid_until, state.status,
         case when state.status in ('upcoming', 'open') then next.date end,
         case when state.status in ('upcoming', 'open') then next.past_from end,
         f.zone,
         (select json_agg(to_char(d.past_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                          order by d.place) from deadlines d),
         case when f.minimum_currency = coalesce(f.maximum_currency, f.minimum_currency)
              then f.minimum end,
         case when f.maximum_currency = coalesce(f.minimum_currency, f.maximum_currency)
              then f.maximum end,
         coalesce(f.maximum_currency, f.minimum_currency)
    from facts f cross join spans s
    left join lateral (select l.date, l.past_from from lasting l where l.past_from > s.valid_from
                       order by l.past_from limit 1) next on true
    cross join lateral (select case
      -- What somebody says by hand goes before the dates, where it closes.
      when f.said in ('closed', 'paused') then 'closed'
      when f.opens_on is not null and s.valid_from < f.opens_on::timestamp at time zone f.zone
        then 'upcoming'
      when next.date is not null then
        case when f.said = 'planned' and f.opens_on is null then 'upcoming' else 'open' end
      when exists (select from deadlines) then 'closed'
      when f.said = 'planned' and f.opens_on is null then 'upcoming'
      when f.said = 'open' or f.kind in ('rolling', 'until_spent') then 'open'
    end as status) state
$$;

-- financing_closed_since() - when somebody closed or paused by hand the offer of which $1 is the
-- document at the time $2. Later changes leave that as it is: the history says since when it has been
-- so without a break.
create function published.financing_closed_since(document json, at timestamptz)
returns timestamptz language sql stable as $$
  select case when $1 ->> 'activity_status' in ('closed', 'paused') then (
    select min(h.valid_from) from published.history h
     where h.id = ($1 ->> 'id')::uuid and h.valid_from <= $2 and h.valid_from > coalesce(
       (select max(o.valid_from) from published.history o
         where o.id = ($1 ->> 'id')::uuid and o.valid_from <= $2
           and coalesce(o.document::json ->> 'activity_status', '') not in ('closed', 'paused')),
       '-infinity')) end
$$;

-- financing_offers_keep() - what rendering keeps of the records $1, beside their documents and their
-- history
-- Not in SQL alone: the tables of the read model are made after the migrations.
create function published.financing_offers_keep(ids uuid[]) returns void
language plpgsql as $$
begin
  delete from published.financing_moment m where m.id = any(ids);
  insert into published.financing_moment
  select d.id, m.*, published.financing_closed_since(d.document::json, 'infinity')
    from published.financing_offers_documents d
    cross join lateral published.financing_moments(d.document::json) m where d.id = any(ids);
end
$$;

-- The engine asks for what time makes of a record by these two: of a record as it is published, and
-- of a document as it was. Each column is a property of the contract that says x-timed; members are
-- all of them as they stand in a JSON object. What a list does not ask for is not computed: the
-- functions become part of its statement.
create type published.financing_offers_at as (
  id uuid,
  application_status text,
  next_deadline date,
  closes_at timestamptz,
  days_left integer,
  in_euro_minimum_amount numeric,
  in_euro_maximum_amount numeric,
  members text
);

create function published.financing_members(m published.financing_moment, at timestamptz)
returns text language sql stable as $$
  select case when shown.members <> '{}'
              then substr(shown.members, 2, length(shown.members) - 2) end
    from (select json_strip_nulls(json_build_object(
      'application_status', m.application_status, 'next_deadline', m.next_deadline,
      'closes_at', to_char(m.closes_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'days_left', m.next_deadline - (at at time zone m.time_zone)::date,
      'closing_times', m.closing_times,
      'closed_since', to_char(m.closed_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'in_euro', (select json_build_object(
          'minimum_amount', published.to_cents(m.minimum_amount / e.rate)::text,
          'maximum_amount', published.to_cents(m.maximum_amount / e.rate)::text,
          'rate', e.rate::text, 'rate_date', e.date, 'rate_source', e.source)
        from published.euro_rate(m.currency, (at at time zone 'UTC')::date) e
        where m.minimum_amount is not null or m.maximum_amount is not null)
    ))::text as members) shown
$$;

create function published.financing_offers_timed(at timestamptz)
returns setof published.financing_offers_at language sql stable as $$
  select m.id, m.application_status, m.next_deadline, m.closes_at,
         m.next_deadline - (at at time zone m.time_zone)::date,
         (select published.to_cents(m.minimum_amount / e.rate)
            from published.euro_rate(m.currency, (at at time zone 'UTC')::date) e),
         (select published.to_cents(m.maximum_amount / e.rate)
            from published.euro_rate(m.currency, (at at time zone 'UTC')::date) e),
         published.financing_members(m, at)
    from published.financing_moment m
   where m.valid_from <= at and m.valid_until > at
$$;

create function published.financing_offers_timed_then(document text, at timestamptz)
returns text language sql stable as $$
  select published.financing_members(row (null::uuid, m.*, published.financing_closed_since(
           document::json, at))::published.financing_moment, at)
    from published.financing_moments(document::json) m
   where m.valid_from <= at and m.valid_until > at
$$;

-- timed_etag() - the tag of a document with what time has made of it: another when that changes
create function published.timed_etag(etag text, members text) returns text
language sql immutable parallel safe as $$
  select case when members is null then etag
              else left(encode(sha256(convert_to(etag || members, 'UTF8')), 'hex'), 24) end
$$;

-- timed_document() - a document with those members at its end
create function published.timed_document(document text, members text) returns text
language sql immutable parallel safe as $$
  select case when members is null then document
              else left(document, -1) || ',' || members || '}' end
$$;

revoke all on function published.financing_offers_keep from public;
grant execute on function published.financing_offers_keep to express_writer;

reset role;
