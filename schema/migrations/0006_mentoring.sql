-- Mentoring: the rules of a programme, which are public, and its people and pairs, which are not.
--
-- A person is here under a random id, with what is needed to find somebody who fits: languages,
-- sectors, skills, free hours of a week, a coarse area, an age band. No name, no address, no
-- nationality, religion or residence status, and no column for free text. How to reach somebody
-- lies in a table of its own. What must hold whoever writes, and however many at once, is
-- a constraint or a trigger here; who may see what is a policy.

set local express.role = 'system';

-- --- the rules of a programme ----------------------------------------------------------------------

set local role express_owner;

alter table catalogue.mentoring_programmes
  add column mentor_capacity integer check (mentor_capacity between 1 and 50),
  add column mentor_minimum_age integer check (mentor_minimum_age between 16 and 99),
  add column response_days integer check (response_days between 1 and 90),
  add column meeting_grace_hours integer check (meeting_grace_hours between 0 and 720),
  add column required_matches text[],
  add column match_weights_language integer check (match_weights_language between 0 and 100),
  add column match_weights_sector integer check (match_weights_sector between 0 and 100),
  add column match_weights_skills integer check (match_weights_skills between 0 and 100),
  add column match_weights_goals integer check (match_weights_goals between 0 and 100),
  add column match_weights_availability integer
    check (match_weights_availability between 0 and 100),
  add column match_weights_distance integer check (match_weights_distance between 0 and 100),
  add column match_weights_capacity integer check (match_weights_capacity between 0 and 100),
  add column match_weights_load integer check (match_weights_load between 0 and 100);
create table catalogue.mentoring_programmes_intakes (
  record_id uuid not null references catalogue.mentoring_programmes (id) on delete cascade,
  position integer not null check (position >= 0),
  name text not null,
  opens_on date not null,
  closes_on date not null,
  places integer check (places between 1 and 100000),
  primary key (record_id, position),
  constraint mentoring_programmes_intakes_closes_on_order check (opens_on <= closes_on)
);
comment on table catalogue.mentoring_programmes_intakes is
  'mentoring_programmes.intakes: When the programme takes new people.';
select catalogue.protect_resource('catalogue.mentoring_programmes_intakes', 'record_id');

-- --- people ----------------------------------------------------------------------------------------

reset role;
create schema mentoring authorization express_owner;
grant usage on schema mentoring to express_writer;
set local role express_owner;

-- The person behind the caller's token: its pseudonym, as the server makes it.
create function identity.acting_subject() returns text
language sql stable parallel safe
return nullif(current_setting('express.subject', true), '');

create type mentoring.participant_kind as enum ('mentor', 'mentee');
create type mentoring.language_level as enum ('A1', 'A2', 'B1', 'B2', 'C1', 'C2', 'native');
create type mentoring.age_band as enum ('16_17', '18_24', '25_34', '35_49', '50_64', '65_and_over');

-- Codes, and no words of one's own: not in an array either. The contract knows which there are; here it
-- is made sure that nothing else fits.
create function mentoring.are_terms(list text[], shape text, longest integer) returns boolean
language sql immutable parallel safe
return coalesce(array_ndims(list), 1) = 1 and array_position(list, null) is null
       and not exists (select from unnest(list) term
                        where term !~ shape
                           or length(term) > case when term ~ '^https?:' then 120 else longest end);

create table mentoring.participant (
  id uuid primary key,
  kind mentoring.participant_kind not null,
  programme_id uuid not null references catalogue.mentoring_programmes (id),
  -- Pseudonym of the token's subject: who signs in as this person.
  subject text not null check (length(subject) between 16 and 128),
  -- What the audit log calls this person. Random, and gone with the row: what stays in the log
  -- leads to nobody.
  audit_id uuid not null unique default gen_random_uuid(),
  status text not null default 'available' check (status in ('available', 'paused')),
  sectors text[] not null default '{}' check (cardinality(sectors) <= 30
    and mentoring.are_terms(sectors, '^[a-z0-9]+(_[a-z0-9]+)*$', 60)),
  skills text[] not null default '{}' check (cardinality(skills) <= 50
    and mentoring.are_terms(skills,
      '^(https?://data\.europa\.eu/esco/[A-Za-z0-9/.-]+|[a-z0-9]+(_[a-z0-9]+)*)$', 60)),
  goals text[] not null default '{}' check (cardinality(goals) <= 12
    and mentoring.are_terms(goals, '^[a-z]+(_[a-z]+)*$', 60)),
  formats text[] not null check (formats <@ array['in_person', 'remote']
                                 and cardinality(formats) between 1 and 2),
  -- One bit for each part of each day: bit 0 is Monday morning, 1 its afternoon, 2 its evening.
  availability integer not null check (availability between 0 and 2097151),
  -- A coarse area: tenths of a degree, 7 to 11 km.
  area_country text check (area_country ~ '^[A-Z]{2}$'),
  area_lat numeric(3, 1) check (area_lat between -90 and 90),
  area_lon numeric(4, 1) check (area_lon between -180 and 180),
  age_band mentoring.age_band,
  -- How many pairs at once; mentors only.
  capacity integer check (capacity between 1 and 50),
  -- When the programme may begin with this person: an intake of the programme, by its name.
  intake text check (length(intake) <= 120),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  -- Consent was withdrawn: from then on nobody sees the person but the person.
  withdrawn_at timestamptz,
  -- The last thing that happened with this person: retention counts from here.
  active_at timestamptz not null default now(),
  unique (id, programme_id, kind),
  constraint participant_capacity_is_a_mentors check ((capacity is not null) = (kind = 'mentor')),
  constraint participant_area_whole check (num_nulls(area_lat, area_lon) in (0, 2))
);
-- Once at a time: who has left may come back, and nobody who tries learns that somebody was there.
create unique index participant_present on mentoring.participant (programme_id, kind, subject)
  where withdrawn_at is null;
create index participant_programme on mentoring.participant (programme_id, kind, id);
create index participant_subject on mentoring.participant (subject);
create index participant_intake on mentoring.participant (programme_id, intake)
  where kind = 'mentee' and intake is not null and withdrawn_at is null;
create index participant_active_at on mentoring.participant (active_at);
comment on table mentoring.participant is
  'Mentors and mentees, each of one programme: what is needed to match, under a random id.';
create table mentoring.participant_language (
  participant_id uuid not null references mentoring.participant (id) on delete cascade,
  language text not null check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'
                                and length(language) <= 35),
  level mentoring.language_level not null,
  primary key (participant_id, language)
);
comment on table mentoring.participant_language is 'Languages of a participant, by CEFR level.';

-- How to reach a person, apart from all else.
create table mentoring.contact (
  participant_id uuid primary key references mentoring.participant (id) on delete cascade,
  channel text not null check (channel in ('email', 'phone', 'messenger')),
  address text not null check (length(address) between 3 and 254),
  updated_at timestamptz not null default now()
);
comment on table mentoring.contact is
  'How to reach a person: for the coordinator, and for the partner while the pair is active.';

create table mentoring.consent (
  participant_id uuid not null references mentoring.participant (id) on delete cascade,
  purpose text not null check (purpose in ('programme', 'matching', 'contact', 'statistics')),
  version text not null check (length(version) between 1 and 40),
  given_at timestamptz not null,
  withdrawn_at timestamptz check (withdrawn_at >= given_at),
  -- Ended by consent to other words for the same purpose, not by a change of mind.
  replaced boolean not null default false,
  primary key (participant_id, purpose, given_at),
  constraint consent_replaced_is_over check (not replaced or withdrawn_at is not null)
);
create unique index consent_present on mentoring.consent (participant_id, purpose)
  where withdrawn_at is null;
comment on table mentoring.consent is
  'Who agreed to what, to which version of the words, from when to when. programme: to be in it at '
  'all; matching: to be proposed; contact: to be reached by the partner; statistics: to be counted.';

-- --- pairs -----------------------------------------------------------------------------------------

-- The life of a pair: each row is a move that there is. What is not here cannot happen.
create table mentoring.transition (
  move text not null,
  from_state text not null,
  to_state text not null,
  actors text[] not null,
  -- One of these must be given; none: none is.
  reasons text[] not null,
  primary key (move, from_state),
  unique (from_state, to_state)
);
comment on table mentoring.transition is
  'The moves of a pair, and who makes them; the contract shows the same table.';
insert into mentoring.transition (from_state, move, to_state, actors, reasons) values
  -- The first side to accept leaves it proposed; the second makes it accepted.
  ('proposed', 'accept', 'accepted', '{mentor,mentee,coordinator}', '{}'),
  ('proposed', 'decline', 'declined', '{mentor,mentee,coordinator}',
   '{no_time,not_a_fit,too_far,other_support,other}'),
  ('accepted', 'decline', 'declined', '{mentor,mentee,coordinator}',
   '{no_time,not_a_fit,too_far,other_support,other}'),
  ('proposed', 'withdraw', 'withdrawn', '{coordinator,service}',
   '{mistake,better_match,person_unavailable,other,consent_withdrawn}'),
  ('accepted', 'withdraw', 'withdrawn', '{coordinator,service}',
   '{mistake,better_match,person_unavailable,other,consent_withdrawn}'),
  ('proposed', 'expire', 'expired', '{service}', '{no_answer}'),
  ('accepted', 'expire', 'expired', '{service}', '{no_answer}'),
  ('accepted', 'start', 'active', '{coordinator}', '{}'),
  ('active', 'pause', 'paused', '{mentor,mentee,coordinator}',
   '{illness,family,work,travel,other}'),
  ('paused', 'resume', 'active', '{mentor,mentee,coordinator}', '{}'),
  ('active', 'complete', 'completed', '{coordinator}', '{time_is_up,goals_reached}'),
  ('paused', 'complete', 'completed', '{coordinator}', '{time_is_up,goals_reached}'),
  ('active', 'end', 'ended_early', '{mentor,mentee,coordinator,service}',
   '{goals_reached,no_time,no_contact,not_a_fit,moved_away,other,consent_withdrawn}'),
  ('paused', 'end', 'ended_early', '{mentor,mentee,coordinator,service}',
   '{goals_reached,no_time,no_contact,not_a_fit,moved_away,other,consent_withdrawn}');

create table mentoring.pair (
  id uuid primary key,
  programme_id uuid not null references catalogue.mentoring_programmes (id),
  mentor_id uuid,
  mentee_id uuid,
  mentor_kind mentoring.participant_kind not null default 'mentor' check (mentor_kind = 'mentor'),
  mentee_kind mentoring.participant_kind not null default 'mentee' check (mentee_kind = 'mentee'),
  -- Who the two are to the policies: as in mentoring.participant.
  mentor_subject text,
  mentee_subject text,
  state text not null default 'proposed' check (state in ('proposed', 'accepted', 'active', 'paused',
    'completed', 'ended_early', 'declined', 'withdrawn', 'expired')),
  version integer not null default 1 check (version >= 1),
  -- Points of the match that it was proposed with, of 1 000.
  score integer check (score between 0 and 1000),
  -- Pairs that were proposed together, by one assignment of many, have the same.
  cohort_id uuid,
  proposed_at timestamptz not null default date_trunc('milliseconds', now()),
  respond_by timestamptz not null,
  mentor_accepted_at timestamptz,
  mentee_accepted_at timestamptz,
  accepted_at timestamptz,
  started_at timestamptz,
  -- By the duration of the programme; null: open.
  due_at timestamptz,
  paused_at timestamptz,
  ended_at timestamptz,
  reason text check (reason ~ '^[a-z]+(_[a-z]+)*$' and length(reason) <= 60),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  constraint pair_mentor foreign key (mentor_id, programme_id, mentor_kind)
    references mentoring.participant (id, programme_id, kind) on delete set null (mentor_id),
  constraint pair_mentee foreign key (mentee_id, programme_id, mentee_kind)
    references mentoring.participant (id, programme_id, kind) on delete set null (mentee_id),
  constraint pair_of_two check (mentor_id <> mentee_id),
  constraint pair_not_oneself check (mentor_subject <> mentee_subject),
  constraint pair_accepted_by_both check (state not in ('accepted', 'active', 'paused', 'completed')
    or (mentor_accepted_at is not null and mentee_accepted_at is not null
        and accepted_at is not null)),
  constraint pair_started check (state not in ('active', 'paused', 'completed', 'ended_early')
    or started_at is not null),
  constraint pair_paused check ((paused_at is not null) = (state = 'paused')),
  constraint pair_ended check ((ended_at is not null)
    = (state in ('completed', 'ended_early', 'declined', 'withdrawn', 'expired'))),
  constraint pair_in_order check (proposed_at <= coalesce(accepted_at, proposed_at)
    and coalesce(accepted_at, proposed_at) <= coalesce(started_at, accepted_at, proposed_at)
    and coalesce(started_at, proposed_at) <= coalesce(ended_at, started_at, proposed_at))
);
-- One pair at a time for each mentee, from the proposal to the end; and never two of the same two.
create unique index pair_mentee_open on mentoring.pair (mentee_id)
  where state in ('proposed', 'accepted', 'active', 'paused');
create index pair_mentor_open on mentoring.pair (mentor_id)
  where state in ('proposed', 'accepted', 'active', 'paused');
create index pair_mentor on mentoring.pair (mentor_id);
create index pair_mentee on mentoring.pair (mentee_id);
create index pair_mentor_subject on mentoring.pair (mentor_subject);
create index pair_mentee_subject on mentoring.pair (mentee_subject);
create index pair_cohort on mentoring.pair (cohort_id) where cohort_id is not null;
create index pair_programme on mentoring.pair (programme_id, proposed_at, id);
create index pair_programme_state on mentoring.pair (programme_id, state, proposed_at, id);
create index pair_due_at on mentoring.pair (programme_id, due_at) where state in ('active', 'paused');
create index pair_respond_by on mentoring.pair (respond_by) where state in ('proposed', 'accepted');
comment on table mentoring.pair is 'A mentor and a mentee, from the proposal to the end.';

create table mentoring.pair_move (
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  version integer not null check (version >= 1),
  move text not null check (move in ('propose', 'accept', 'decline', 'withdraw', 'expire', 'start',
    'pause', 'resume', 'complete', 'end')),
  from_state text,
  to_state text not null,
  actor text not null check (actor in ('mentor', 'mentee', 'coordinator', 'service')),
  -- On whose side it was done: a coordinator may say yes for somebody who has done so by telephone.
  side text check (side in ('mentor', 'mentee')),
  reason text check (reason ~ '^[a-z]+(_[a-z]+)*$' and length(reason) <= 60),
  at timestamptz not null,
  primary key (pair_id, version)
);
comment on table mentoring.pair_move is 'What happened with a pair; rows are only ever added.';

create table mentoring.meeting (
  id uuid primary key,
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  state text not null default 'planned' check (state in ('planned', 'held', 'missed', 'cancelled')),
  starts_at timestamptz not null,
  duration_minutes integer check (duration_minutes between 5 and 600),
  format text check (format in ('in_person', 'remote')),
  reason text check (reason ~ '^[a-z]+(_[a-z]+)*$' and length(reason) <= 60),
  -- Until when somebody should say what became of it: its end, and the grace of the programme.
  answer_by timestamptz not null,
  -- Planned, past that time, and nobody has said so.
  overdue_since timestamptz,
  version integer not null default 1 check (version >= 1),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  constraint meeting_overdue_is_planned check (overdue_since is null or state = 'planned'),
  constraint meeting_reason check (reason is null or state in ('missed', 'cancelled'))
);
create index meeting_pair on mentoring.meeting (pair_id, starts_at, id);
create index meeting_due on mentoring.meeting (answer_by)
  where state = 'planned' and overdue_since is null;
comment on table mentoring.meeting is 'Meetings of pairs.';

create table mentoring.goal (
  id uuid primary key,
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  term text not null check (term ~ '^[a-z0-9]+(_[a-z0-9]+)*$' and length(term) <= 60),
  progress integer not null default 0 check (progress between 0 and 100),
  state text not null default 'open' check (state in ('open', 'reached', 'dropped')),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  unique (pair_id, term),
  constraint goal_reached_is_whole check (state <> 'reached' or progress = 100)
);
comment on table mentoring.goal is 'What a pair works towards, as coded terms.';

create table mentoring.feedback (
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  side text not null check (side in ('mentor', 'mentee')),
  moment text not null check (moment in ('middle', 'end')),
  satisfaction integer not null check (satisfaction between 1 and 5),
  usefulness integer check (usefulness between 1 and 5),
  relationship integer check (relationship between 1 and 5),
  would_repeat boolean,
  given_at timestamptz not null default date_trunc('milliseconds', now()),
  primary key (pair_id, side, moment)
);
comment on table mentoring.feedback is
  'How each side found it, on scales from 1 to 5: for the coordinator and whoever gave it.';

create table mentoring.outcome (
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  moment text not null check (moment in ('end', 'months_3', 'months_6')),
  code text not null check (code in ('job', 'training', 'business_created', 'other', 'none')),
  noted_at timestamptz not null default date_trunc('milliseconds', now()),
  primary key (pair_id, moment, code)
);
comment on table mentoring.outcome is 'What became of the mentee, at the end and afterwards.';

-- Who was erased, by random ids alone: done again after a backup has brought them back.
create table mentoring.erasure (
  receipt uuid primary key,
  -- Not unique: between a backup that has come back and its erasures done again, somebody may have
  -- been erased once more, under another receipt.
  participant_id uuid not null,
  kind mentoring.participant_kind not null,
  cause text not null check (cause in ('request', 'retention')),
  erased_at timestamptz not null default date_trunc('milliseconds', now()),
  -- By whom, for a day: a hash over the receipt and the caller, who then hears 410 and not 404.
  asked_by bytea
);
create index erasure_participant_id on mentoring.erasure (participant_id);
create index erasure_asked_by on mentoring.erasure (erased_at) where asked_by is not null;
create index erasure_erased_at on mentoring.erasure (erased_at);
comment on table mentoring.erasure is
  'Ledger of the erased: nothing but ids that lead to nobody any more.';

-- --- what holds whoever writes ---------------------------------------------------------------------

-- Who counts behind a lock must see what was committed while it waited. A repeatable read goes on
-- seeing what was there before; a serializable one, too, but is ended for it.
create function mentoring.see_present() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('transaction_isolation') = 'repeatable read' then
    raise exception using errcode = 'invalid_transaction_state',
      message = 'this is not written in a repeatable read';
  end if;
end
$$;

-- A new pair begins as a proposal of two people of this programme, both available, who agree to be
-- matched; the mentor has room. The two rows are locked, in the order of their ids, so that of two
-- coordinators one waits and then counts the other's pair.
create function mentoring.guard_proposal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  person mentoring.participant;
  room integer := 0;
begin
  perform mentoring.see_present();
  if new.mentor_id is null or new.mentee_id is null
     or new.state <> 'proposed' or new.version <> 1 or new.reason is not null
     or num_nonnulls(new.mentor_accepted_at, new.mentee_accepted_at, new.accepted_at,
                     new.started_at, new.due_at, new.paused_at, new.ended_at) > 0 then
    raise exception using errcode = 'check_violation', constraint = 'pair_transition';
  end if;
  new.mentor_subject := null;
  new.mentee_subject := null;
  for person in
    select p.* from mentoring.participant p where p.id in (new.mentor_id, new.mentee_id)
     order by p.id for update
  loop
    if person.withdrawn_at is not null or person.status <> 'available' or not exists (
         select from mentoring.consent c where c.participant_id = person.id
            and c.purpose = 'matching' and c.withdrawn_at is null) then
      raise exception using errcode = 'check_violation', constraint = 'pair_person_available';
    end if;
    if person.kind = 'mentor' then
      new.mentor_subject := person.subject;
      select least(person.capacity, coalesce(m.mentor_capacity, 1)) into strict room
        from catalogue.mentoring_programmes m where m.id = new.programme_id;
    else
      new.mentee_subject := person.subject;
    end if;
  end loop;
  -- Before the index does: whoever waited for the lock above is told the truth.
  if exists (select from mentoring.pair p where p.mentee_id = new.mentee_id
                and p.state in ('proposed', 'accepted', 'active', 'paused')) then
    raise exception using errcode = 'check_violation', constraint = 'pair_mentee_open';
  end if;
  if (select count(*) from mentoring.pair p where p.mentor_id = new.mentor_id
        and p.state in ('proposed', 'accepted', 'active', 'paused')) >= room then
    raise exception using errcode = 'check_violation', constraint = 'pair_capacity';
  end if;
  return new;
end
$$;
create trigger guard_proposal before insert on mentoring.pair
  for each row execute function mentoring.guard_proposal();

create function mentoring.erased_columns() returns text[]
language sql immutable parallel safe
return array['mentor_id', 'mentee_id', 'mentor_subject', 'mentee_subject', 'score', 'proposed_at',
             'respond_by', 'mentor_accepted_at', 'mentee_accepted_at', 'accepted_at', 'started_at',
             'due_at', 'ended_at', 'reason', 'updated_at'];

-- One move after the other, each one that there is, by who may make it, and none after the end.
-- Not as the owner: who acts is asked for. A function of this schema acts for the service.
create function mentoring.guard_move() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  step mentoring.transition;
  actor text := case
    when current_user = 'express_owner' then 'service'
    when identity.acting_role() <> 'participant' then identity.acting_role()::text
    when old.mentor_subject = identity.acting_subject() then 'mentor'
    when old.mentee_subject = identity.acting_subject() then 'mentee' end;
  mentor_accepts boolean := new.mentor_accepted_at is distinct from old.mentor_accepted_at;
  mentee_accepts boolean := new.mentee_accepted_at is distinct from old.mentee_accepted_at;
begin
  -- Erasing takes a person out of the pair, with what it said and how well it fitted, leaves the months
  -- of its times, and does nothing else.
  if (new.mentor_id is null and old.mentor_id is not null)
     or (new.mentee_id is null and old.mentee_id is not null) then
    if current_user <> 'express_owner' or old.ended_at is null
       or to_jsonb(new) - mentoring.erased_columns() <> to_jsonb(old) - mentoring.erased_columns() then
      raise exception using errcode = 'check_violation', constraint = 'pair_identity_stays';
    end if;
    if new.mentor_id is null then
      new.mentor_subject := null;
    end if;
    if new.mentee_id is null then
      new.mentee_subject := null;
    end if;
    return new;
  end if;
  if (new.id, new.programme_id, new.proposed_at, new.respond_by, new.score,
      new.mentor_id, new.mentee_id, new.mentor_subject, new.mentee_subject)
     is distinct from (old.id, old.programme_id, old.proposed_at, old.respond_by, old.score,
      old.mentor_id, old.mentee_id, old.mentor_subject, old.mentee_subject)
     or new.version <> old.version + 1 then
    raise exception using errcode = 'check_violation', constraint = 'pair_identity_stays';
  end if;
  select t.* into step from mentoring.transition t
   where t.from_state = old.state
     and (t.to_state = new.state or (t.move = 'accept' and new.state = 'proposed'));
  if not found or actor is null or actor <> all (step.actors)
     or (cardinality(step.reasons) = 0) <> (new.reason is null)
     or (new.reason is not null and new.reason <> all (step.reasons))
     or (new.reason = 'consent_withdrawn' and actor <> 'service')
     -- Nobody accepts twice, or for the other side; and nothing else is an acceptance.
     or mentor_accepts::integer + mentee_accepts::integer <> (step.move = 'accept')::integer
     or (mentor_accepts and (old.mentor_accepted_at is not null or actor = 'mentee'))
     or (mentee_accepts and (old.mentee_accepted_at is not null or actor = 'mentor'))
     or (step.move = 'accept' and (new.state = 'accepted')
         <> (num_nonnulls(new.mentor_accepted_at, new.mentee_accepted_at) = 2))
     or (new.accepted_at is distinct from old.accepted_at) <> (new.state = 'accepted')
     or (new.started_at is distinct from old.started_at) <> (step.move = 'start')
     or (new.due_at is distinct from old.due_at and step.move <> 'start') then
    raise exception using errcode = 'check_violation', constraint = 'pair_transition';
  end if;
  return new;
end
$$;
create trigger guard_move before update on mentoring.pair
  for each row execute function mentoring.guard_move();

-- Each version of a pair has its move in the history, which says the same.
create function mentoring.check_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and new.version = old.version then
    return null; -- somebody was erased
  end if;
  if not exists (
       select from mentoring.pair_move m
        where m.pair_id = new.id and m.version = new.version and m.to_state = new.state
          and m.reason is not distinct from new.reason
          and case when tg_op = 'INSERT' then m.move = 'propose' and m.from_state is null
                   else m.from_state = old.state and exists (
                     select from mentoring.transition t
                      where t.move = m.move and t.from_state = old.state and m.actor = any (t.actors)
                        and (t.to_state = new.state
                             or (t.move = 'accept' and new.state = 'proposed'))) end) then
    raise exception using errcode = 'check_violation', constraint = 'pair_has_move';
  end if;
  return null;
end
$$;
create constraint trigger check_moved after insert or update on mentoring.pair
  deferrable initially deferred for each row execute function mentoring.check_moved();

-- A pair that is over meets no more.
create function mentoring.cancel_meetings() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update mentoring.meeting m
     set state = 'cancelled', reason = 'pair_ended', version = m.version + 1,
         updated_at = date_trunc('milliseconds', now())
   where m.pair_id = new.id and m.state = 'planned' and m.starts_at > now();
  return null;
end
$$;
create trigger cancel_meetings after update on mentoring.pair
  for each row when (old.ended_at is null and new.ended_at is not null)
  execute function mentoring.cancel_meetings();

-- Is somebody of the pair being erased? Then the person stands in the ledger, and in the pair still;
-- no other transaction ever sees that.
create function mentoring.is_erasing(pair uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select exists (select from mentoring.pair p
                   join mentoring.erasure e on e.participant_id in (p.mentor_id, p.mentee_id)
                  where p.id = pair);
end;

-- Meetings are those of an active pair, from a week before it was started, as that may be said later
-- than it was so, to a year from now; and no more than a thousand, one a week for nineteen years. What
-- was planned in time can be told of later: while the pair pauses by both sides, after its end by the
-- coordinator, who alone may also correct it.
create function mentoring.guard_meeting() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  pair_state text;
  began_at timestamptz;
  grace_hours integer;
  is_coordinator boolean := identity.acting_role() = 'coordinator';
  moves boolean := tg_op = 'INSERT';
begin
  if tg_op = 'UPDATE' then
    if (new.id, new.pair_id, new.version) is distinct from (old.id, old.pair_id, old.version + 1) then
      raise exception using errcode = 'check_violation', constraint = 'meeting_identity_stays';
    end if;
    if mentoring.is_erasing(new.pair_id) then
      return new;
    end if;
    -- The worker's word, or that of the end of the pair.
    if (old.state = 'planned' and new.state = 'cancelled' and new.reason = 'pair_ended'
        and new.starts_at = old.starts_at and exists (
          select from mentoring.pair p where p.id = new.pair_id and p.ended_at is not null))
       or (old.overdue_since is null and new.overdue_since is not null and new.answer_by < now()
           and to_jsonb(new) - array['overdue_since', 'version', 'updated_at']
               = to_jsonb(old) - array['overdue_since', 'version', 'updated_at']) then
      return new;
    end if;
    if (old.state <> 'planned' and not is_coordinator)
       or (old.state <> 'planned' and new.state = 'planned') then
      raise exception using errcode = 'check_violation', constraint = 'meeting_transition';
    end if;
    moves := (new.starts_at, new.duration_minutes) is distinct from
             (old.starts_at, old.duration_minutes);
  else
    perform mentoring.see_present();
    perform from mentoring.pair p where p.id = new.pair_id for no key update; -- they are counted
  end if;
  select p.state, p.started_at, coalesce(m.meeting_grace_hours, 24)
    into pair_state, began_at, grace_hours
    from mentoring.pair p left join catalogue.mentoring_programmes m on m.id = p.programme_id
   where p.id = new.pair_id for share of p;
  if not (pair_state = 'active'
          or (tg_op = 'UPDATE' and not moves and new.state <> 'planned'
              and (pair_state = 'paused' or (is_coordinator and pair_state in
                   ('completed', 'ended_early'))))) then
    raise exception using errcode = 'check_violation', constraint = 'meeting_of_active_pair';
  end if;
  if (new.state in ('held', 'missed')) and new.starts_at > now() then
    raise exception using errcode = 'check_violation', constraint = 'meeting_not_yet';
  end if;
  if new.state = 'planned' and moves
     and new.starts_at + coalesce(new.duration_minutes, 60) * interval '1 minute' < now() then
    raise exception using errcode = 'check_violation', constraint = 'meeting_past';
  end if;
  if new.reason = 'pair_ended' and (tg_op = 'INSERT' or old.reason is distinct from new.reason) then
    raise exception using errcode = 'check_violation', constraint = 'meeting_reason';
  end if;
  if moves and new.starts_at < began_at - interval '7 days' then
    raise exception using errcode = 'check_violation', constraint = 'meeting_before_pair';
  end if;
  if moves and new.starts_at > now() + interval '1 year' then
    raise exception using errcode = 'check_violation', constraint = 'meeting_too_far';
  end if;
  if tg_op = 'INSERT'
     and (select count(*) from mentoring.meeting m where m.pair_id = new.pair_id) >= 1000 then
    raise exception using errcode = 'check_violation', constraint = 'meeting_count';
  end if;
  if moves then
    new.answer_by := new.starts_at + coalesce(new.duration_minutes, 60) * interval '1 minute'
                     + grace_hours * interval '1 hour';
  end if;
  if moves or new.state <> 'planned' then
    new.overdue_since := null;
  end if;
  return new;
end
$$;
create trigger guard_meeting before insert or update on mentoring.meeting
  for each row execute function mentoring.guard_meeting();

-- Goals are those of a pair that works towards them.
create function mentoring.guard_goal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and (new.id, new.pair_id, new.term, new.version)
     is distinct from (old.id, old.pair_id, old.term, old.version + 1) then
    raise exception using errcode = 'check_violation', constraint = 'goal_identity_stays';
  end if;
  if tg_op = 'UPDATE' and mentoring.is_erasing(new.pair_id) then
    return new;
  end if;
  if tg_op = 'UPDATE' and new.created_at is distinct from old.created_at then
    raise exception using errcode = 'check_violation', constraint = 'goal_identity_stays';
  end if;
  perform from mentoring.pair p where p.id = new.pair_id and p.state in ('active', 'paused')
      for share;
  if not found then
    raise exception using errcode = 'check_violation', constraint = 'goal_of_active_pair';
  end if;
  return new;
end
$$;
create trigger guard_goal before insert or update on mentoring.goal
  for each row execute function mentoring.guard_goal();

-- In the middle while the pair lasts, at the end when it is over.
create function mentoring.guard_feedback() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and mentoring.is_erasing(new.pair_id) then
    return new;
  end if;
  perform from mentoring.pair p
    where p.id = new.pair_id
      and p.state = any (case new.moment when 'middle' then array['active', 'paused']
                                         else array['completed', 'ended_early'] end)
      for share;
  if not found then
    raise exception using errcode = 'check_violation', constraint = 'feedback_moment';
  end if;
  return new;
end
$$;
create trigger guard_feedback before insert or update on mentoring.feedback
  for each row execute function mentoring.guard_feedback();

-- When its time has come. Locked for itself, so that "none" and "job" do not meet.
create function mentoring.guard_outcome() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform mentoring.see_present();
  perform from mentoring.pair p
    where p.id = new.pair_id and p.state in ('completed', 'ended_early')
      and p.ended_at + case new.moment when 'months_3' then interval '3 months'
                                       when 'months_6' then interval '6 months'
                                       else interval '0' end <= now()
      for no key update;
  if not found then
    raise exception using errcode = 'check_violation', constraint = 'outcome_moment';
  end if;
  if exists (select from mentoring.outcome o where o.pair_id = new.pair_id and o.moment = new.moment
                and (o.code = 'none') <> (new.code = 'none')) then
    raise exception using errcode = 'check_violation', constraint = 'outcome_none_is_alone';
  end if;
  return new;
end
$$;
create trigger guard_outcome before insert on mentoring.outcome
  for each row execute function mentoring.guard_outcome();

-- Who somebody is stays; one version follows the other.
create function mentoring.guard_participant() returns trigger
language plpgsql as $$
begin
  if (new.id, new.kind, new.programme_id, new.subject, new.audit_id, new.created_at)
     is distinct from (old.id, old.kind, old.programme_id, old.subject, old.audit_id, old.created_at)
     or new.version not in (old.version, old.version + 1)
     or (new.version = old.version and to_jsonb(new) - 'active_at' <> to_jsonb(old) - 'active_at')
     -- heed_withdrawal() alone, and once.
     or (new.withdrawn_at is distinct from old.withdrawn_at
         and (old.withdrawn_at is not null or current_user <> 'express_owner')) then
    raise exception using errcode = 'check_violation', constraint = 'participant_identity_stays';
  end if;
  return new;
end
$$;
create trigger guard before update on mentoring.participant
  for each row execute function mentoring.guard_participant();

-- Whoever comes into an intake comes into one that the programme has, and mentees no more of them than
-- it has places. Who comes into the same one at once waits, and then counts this one.
create function mentoring.guard_intake() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  room integer;
begin
  perform mentoring.see_present();
  select i.places into room from catalogue.mentoring_programmes_intakes i
   where i.record_id = new.programme_id and i.name = new.intake order by i.position limit 1;
  if not found then
    raise exception using errcode = 'check_violation', constraint = 'participant_intake_known';
  end if;
  if new.kind <> 'mentee' or room is null then
    return new;
  end if;
  perform pg_advisory_xact_lock(
    hashtextextended(format('express.intake %s %s', new.programme_id, new.intake), 0));
  if (select count(*) from (
        select from mentoring.participant p
         where p.programme_id = new.programme_id and p.intake = new.intake and p.kind = 'mentee'
           and p.withdrawn_at is null and p.id <> new.id limit room) mentees) >= room then
    raise exception using errcode = 'check_violation', constraint = 'participant_intake_full';
  end if;
  return new;
end
$$;
create trigger guard_intake before insert on mentoring.participant
  for each row when (new.intake is not null) execute function mentoring.guard_intake();
create trigger guard_intake_change before update of intake on mentoring.participant
  for each row when (new.intake is not null and new.intake is distinct from old.intake)
  execute function mentoring.guard_intake();

-- Consent begins and ends when that is said, by the clock of the database, and not when the one who says
-- it likes; what has ended is over, and so is all consent of who has left the programme. The clock and
-- not now(), the beginning of a transaction that may have waited for another one.
create function mentoring.guard_consent() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    if new.withdrawn_at is not null or exists (
         select from mentoring.participant p
          where p.id = new.participant_id and p.withdrawn_at is not null) then
      raise exception using errcode = 'check_violation', constraint = 'consent_begins';
    end if;
    select greatest(clock_timestamp(),
                    max(greatest(c.given_at, c.withdrawn_at)) + interval '1 microsecond')
      into new.given_at
      from mentoring.consent c
     where c.participant_id = new.participant_id and c.purpose = new.purpose;
  elsif old.withdrawn_at is not null or new.withdrawn_at is null
        or (new.participant_id, new.purpose, new.version, new.given_at)
           is distinct from (old.participant_id, old.purpose, old.version, old.given_at) then
    raise exception using errcode = 'check_violation', constraint = 'consent_ends_once';
  else
    new.withdrawn_at := greatest(clock_timestamp(), old.given_at);
  end if;
  return new;
end
$$;
create trigger guard before insert or update on mentoring.consent
  for each row execute function mentoring.guard_consent();

-- Consent to be in the programme is withdrawn: at once nobody sees the person, the pairs end, and how to
-- reach the person is forgotten.
create function mentoring.heed_withdrawal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.withdrawn_at is null or old.withdrawn_at is not null or new.replaced then
    return new;
  end if;
  perform mentoring.see_present();
  -- Whoever is just proposing this person goes first, and is seen below; or waits, and sees this.
  perform from mentoring.participant p where p.id = new.participant_id for update;
  if new.purpose = 'programme' then
    update mentoring.participant p set withdrawn_at = new.withdrawn_at, version = p.version + 1,
           updated_at = date_trunc('milliseconds', now())
     where p.id = new.participant_id and p.withdrawn_at is null;
    delete from mentoring.contact c where c.participant_id = new.participant_id;
  end if;
  if new.purpose in ('programme', 'matching') then
    with open as (
      select p.id, p.state from mentoring.pair p
       where new.participant_id in (p.mentor_id, p.mentee_id)
         and (p.state in ('proposed', 'accepted')
              or (new.purpose = 'programme' and p.state in ('active', 'paused')))
         for update),
    ended as (
      update mentoring.pair p
         set state = case when open.state in ('active', 'paused') then 'ended_early'
                          else 'withdrawn' end,
             version = p.version + 1, reason = 'consent_withdrawn', paused_at = null,
             -- Not now(), the beginning of the transaction: it may have waited for a move.
             ended_at = date_trunc('milliseconds', clock_timestamp()),
             updated_at = date_trunc('milliseconds', clock_timestamp())
        from open where open.id = p.id
      returning p.id, p.version, open.state as before, p.state, p.ended_at)
    insert into mentoring.pair_move (pair_id, version, move, from_state, to_state, actor, reason, at)
    select e.id, e.version, case when e.state = 'withdrawn' then 'withdraw' else 'end' end, e.before,
           e.state, 'service', 'consent_withdrawn', e.ended_at
      from ended e;
  end if;
  return new;
end
$$;
create trigger heed_withdrawal after update on mentoring.consent
  for each row execute function mentoring.heed_withdrawal();

-- --- what the functions of this schema know ---------------------------------------------------------

-- Of a programme, whoever they are called by; it need not be public.
create policy programme on catalogue.record for select to express_owner using (
  resource = 'mentoring-programmes' and deleted_at is null);

-- The rules of a programme that the caller coordinates or is in, by its id or its slug.
create function mentoring.programme_rules(
  wanted uuid, name text, out id uuid, out slug text, out mentor_capacity integer,
  out mentor_minimum_age integer, out intakes jsonb) returns setof record
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select r.id, r.slug, coalesce(m.mentor_capacity, 1), m.mentor_minimum_age,
         (select coalesce(jsonb_agg(jsonb_build_object('name', i.name, 'opens_on', i.opens_on,
                   'closes_on', i.closes_on, 'is_over', i.closes_on < current_date,
                   'is_ahead', i.opens_on > current_date,
                   'is_full', i.places is not null and (
                     select count(*) from (
                       select from mentoring.participant p
                        where p.programme_id = r.id and p.intake = i.name and p.kind = 'mentee'
                          and p.withdrawn_at is null limit i.places) mentees) >= i.places)
                   order by i.position), '[]')
            from catalogue.mentoring_programmes_intakes i where i.record_id = r.id)
    from catalogue.record r join catalogue.mentoring_programmes m on m.id = r.id
   where (r.id = wanted or r.slug = name) and r.resource = 'mentoring-programmes'
     and r.deleted_at is null
     and case (select identity.acting_role())
           when 'coordinator' then r.owner_id = (select identity.acting_organisation())
           when 'participant' then exists (
             select from mentoring.participant p
              where p.programme_id = r.id and p.subject = (select identity.acting_subject()))
           else false end;
end;

-- What the audit log calls a person behind a token: not the pseudonym, which can be made again from
-- the token's subject, but the random name that is lost with the person's row. Of a person who is in
-- several programmes, the name of the one that the entry is about.
create function mentoring.name_in_log(acting text, about uuid) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select p.audit_id::text
    from mentoring.participant p
   where p.subject = acting
   order by p.audit_id = about desc,
            exists (select from mentoring.pair x
                     where x.id = about and p.id in (x.mentor_id, x.mentee_id)) desc,
            p.withdrawn_at is not null, p.id
   limit 1;
end;

-- As in 0005, but for what it calls the people of mentoring. The server acts on behalf of one, too,
-- who ends a token.
create or replace function audit.append(action text, resource text, record_id uuid, version integer,
                                        properties text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  with acting as (
    select clock_timestamp() as at, identity.acting_client() as client_id,
           identity.acting_role() as role,
           case when identity.acting_subject() is null then null
                when identity.acting_role() = 'participant'
                  then mentoring.name_in_log(identity.acting_subject(), append.record_id)
                when identity.acting_role() = 'service'
                  then coalesce(mentoring.name_in_log(identity.acting_subject(), append.record_id),
                                identity.acting_subject())
                else identity.acting_subject() end as subject,
           nullif(current_setting('express.request', true), '') as request_id),
  moved as (
    update audit.chain c
       set entries = c.entries + 1, at = greatest(c.at, a.at),
           head = audit.entry_hash(c.head, c.id, c.entries + 1, greatest(c.at, a.at), a.client_id,
                                   a.role, a.subject, append.action, append.resource,
                                   append.record_id, append.version, a.request_id,
                                   append.properties)
      from acting a
     where c.id = pg_backend_pid() % 256
    returning c.id, c.entries, c.at, c.head, a.client_id, a.role, a.subject, a.request_id)
  insert into audit.entry (chain, position, at, client_id, role, subject, action, resource,
                           record_id, version, request_id, properties, hash)
  select m.id, m.entries, m.at, m.client_id, m.role, m.subject, append.action, append.resource,
         append.record_id, append.version, m.request_id, append.properties, m.head
    from moved m;
  if not found then
    raise no_data_found;
  end if;
end
$$;

-- --- erasing ---------------------------------------------------------------------------------------

-- Takes a person out of everything, and writes that into the ledger. Whoever calls this has looked
-- whether it may be. What stays of its pairs tells of nobody: that there was one, how far it came and
-- what came of it, by months. Return: what the audit log called the person.
create function mentoring.remove_person(person mentoring.participant, new_receipt uuid, why text,
                                        at timestamptz, asker text) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  pairs uuid[];
begin
  insert into mentoring.erasure (receipt, participant_id, kind, cause, erased_at, asked_by)
  values (new_receipt, person.id, person.kind, why, at,
          sha256(convert_to(new_receipt || asker, 'UTF8')));
  -- Whatever is being said in one of the pairs comes before this or after it.
  select array_agg(q.id) into pairs from (
    select p.id from mentoring.pair p where person.id in (p.mentor_id, p.mentee_id)
     order by p.id for update) q;
  -- The pairs end as they do whenever somebody leaves.
  update mentoring.consent c set withdrawn_at = now()
   where c.participant_id = person.id and c.withdrawn_at is null;
  delete from mentoring.feedback f where f.pair_id = any (pairs) and f.side = person.kind::text;
  update mentoring.feedback f set given_at = date_trunc('month', f.given_at, 'UTC')
   where f.pair_id = any (pairs);
  if person.kind = 'mentee' then
    delete from mentoring.goal g where g.pair_id = any (pairs);
  end if;
  update mentoring.goal g
     set created_at = date_trunc('month', g.created_at, 'UTC'), version = g.version + 1,
         updated_at = date_trunc('month', g.updated_at, 'UTC')
   where g.pair_id = any (pairs);
  update mentoring.outcome o set noted_at = date_trunc('month', o.noted_at, 'UTC')
   where o.pair_id = any (pairs);
  update mentoring.meeting m
     set starts_at = date_trunc('month', m.starts_at, 'UTC'),
         answer_by = date_trunc('month', m.answer_by, 'UTC'),
         state = case m.state when 'planned' then 'cancelled' else m.state end,
         reason = null, format = null, overdue_since = null, version = m.version + 1,
         updated_at = date_trunc('month', m.updated_at, 'UTC')
   where m.pair_id = any (pairs);
  update mentoring.pair_move v
     set at = date_trunc('month', v.at, 'UTC'),
         reason = case when v.side is distinct from person.kind::text then v.reason end
   where v.pair_id = any (pairs);
  update mentoring.pair p
     set mentor_id = nullif(p.mentor_id, person.id), mentee_id = nullif(p.mentee_id, person.id),
         score = null,
         reason = (select v.reason from mentoring.pair_move v
                    where v.pair_id = p.id and v.version = p.version),
         proposed_at = date_trunc('month', p.proposed_at, 'UTC'),
         respond_by = date_trunc('month', p.respond_by, 'UTC'),
         mentor_accepted_at = date_trunc('month', p.mentor_accepted_at, 'UTC'),
         mentee_accepted_at = date_trunc('month', p.mentee_accepted_at, 'UTC'),
         accepted_at = date_trunc('month', p.accepted_at, 'UTC'),
         started_at = date_trunc('month', p.started_at, 'UTC'),
         due_at = date_trunc('month', p.due_at, 'UTC'),
         ended_at = date_trunc('month', p.ended_at, 'UTC'),
         updated_at = date_trunc('month', p.updated_at, 'UTC')
   where p.id = any (pairs);
  delete from identity.idempotency_key k
   where k.record_id = person.id or k.caller = 'subject:' || person.subject;
  delete from mentoring.participant p where p.id = person.id;
  return person.audit_id;
end
$$;
create policy erase on identity.idempotency_key for delete to express_owner using (true);
create policy find on identity.idempotency_key for select to express_owner using (true);
create index idempotency_key_record_id on identity.idempotency_key (record_id)
  where record_id is not null;

-- On the word of the person, its coordinator or an administrator. Asked again by the same caller
-- within a day, it says the same. No row: there is nobody of this id, or not for this caller.
create function mentoring.erase(
  wanted uuid, wanted_kind mentoring.participant_kind, out receipt uuid,
  out erased_at timestamptz, out audit_id uuid) returns setof record
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  person mentoring.participant;
begin
  select p.* into person from mentoring.participant p
   where p.id = wanted and p.kind = wanted_kind
     and case identity.acting_role()
           when 'admin' then true
           when 'coordinator' then exists (
             select from catalogue.record r
              where r.id = p.programme_id and r.owner_id = identity.acting_organisation())
           when 'participant' then p.subject = identity.acting_subject()
           else false end
     for update of p;
  if found then
    receipt := gen_random_uuid();
    erased_at := date_trunc('milliseconds', now());
    audit_id := mentoring.remove_person(person, receipt, 'request', erased_at,
                                        identity.acting_caller());
    return next;
    return;
  end if;
  return query select g.receipt, g.erased_at, null::uuid
                 from mentoring.gone(wanted, wanted_kind) g;
end
$$;
-- Did this caller have the person erased, no longer than a day ago?
create function mentoring.gone(wanted uuid, wanted_kind mentoring.participant_kind, out receipt uuid,
                               out erased_at timestamptz) returns setof record
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select e.receipt, e.erased_at from mentoring.erasure e
   where e.participant_id = wanted and e.kind = wanted_kind
     and e.erased_at > now() - interval '24 hours'
     and e.asked_by = sha256(convert_to(e.receipt || identity.acting_caller(), 'UTF8'))
   order by e.erased_at limit 1;
end;
-- For whoever has a receipt: what it is for, and not whom.
create function mentoring.receipt(wanted uuid, out kind mentoring.participant_kind, out cause text,
                                  out erased_at timestamptz) returns setof record
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select e.kind, e.cause, e.erased_at from mentoring.erasure e where e.receipt = wanted;
end;
-- For the ledger outside of the database, and what looks after it.
create function mentoring.erasures_since(since timestamptz, out receipt uuid, out participant_id uuid,
                                         out kind mentoring.participant_kind, out cause text,
                                         out erased_at timestamptz) returns setof record
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if identity.acting_role() is null or identity.acting_role() not in ('service', 'system') then
    raise insufficient_privilege;
  end if;
  return query select e.receipt, e.participant_id, e.kind, e.cause, e.erased_at
                 from mentoring.erasure e where e.erased_at >= since order by e.erased_at, e.receipt;
end
$$;
-- Who was asked for an erasure is forgotten after a day.
create function mentoring.forget_askers(most integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  forgotten bigint;
begin
  if identity.acting_role() is null or identity.acting_role() not in ('service', 'system') then
    raise insufficient_privilege;
  end if;
  update mentoring.erasure e set asked_by = null
   where e.receipt = any (array(
     select o.receipt from mentoring.erasure o
      where o.asked_by is not null and o.erased_at < now() - interval '24 hours' limit most));
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;
-- An erasure of the ledger outside, done again where a backup has brought the person back. Return:
-- was there anybody?
create function mentoring.erase_again(old_receipt uuid, wanted uuid,
                                      old_kind mentoring.participant_kind, why text,
                                      at timestamptz) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  person mentoring.participant;
begin
  if identity.acting_role() is distinct from 'system' then
    raise insufficient_privilege;
  end if;
  select p.* into person from mentoring.participant p where p.id = wanted for update;
  if found then
    delete from mentoring.erasure e where e.receipt = old_receipt;
    perform audit.append(person.kind || '.erase', person.kind || 's',
      mentoring.remove_person(person, old_receipt, why, at, null), null, null);
    return true;
  end if;
  insert into mentoring.erasure (receipt, participant_id, kind, cause, erased_at)
  values (old_receipt, wanted, old_kind, why, at) on conflict (receipt) do nothing;
  return false;
end
$$;

-- Age: people without an open pair, with whom nothing has happened for so long, no more than asked
-- for at once. When more of them are due than can be meant, nobody is erased and they are counted:
-- a clock that is wrong shall not empty the tables. @due counts up to that bound and one more.
create function mentoring.expire(older_than interval, most integer, bound integer, out due bigint,
                                 out erased bigint) returns record
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  person mentoring.participant;
begin
  if identity.acting_role() is null or identity.acting_role() not in ('service', 'system') then
    raise insufficient_privilege;
  end if;
  erased := 0;
  select count(*) into due
    from (select from mentoring.participant p
           where p.active_at < now() - older_than
             and not exists (select from mentoring.pair x
                              where p.id in (x.mentor_id, x.mentee_id)
                                and (x.ended_at is null or x.updated_at >= now() - older_than))
           limit bound + 1) people;
  if due > bound then
    return;
  end if;
  for person in
    select p.* from mentoring.participant p
     where p.active_at < now() - older_than
       and not exists (select from mentoring.pair x
                        where p.id in (x.mentor_id, x.mentee_id)
                          and (x.ended_at is null or x.updated_at >= now() - older_than))
     order by p.active_at limit most for update skip locked
  loop
    perform audit.append(person.kind || '.erase', person.kind || 's',
      mentoring.remove_person(person, gen_random_uuid(), 'retention',
                              date_trunc('milliseconds', now()), null), null, null);
    erased := erased + 1;
  end loop;
end
$$;
-- How many people there are: what part of them is due tells whether that can be meant.
create function mentoring.people() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select count(*) from mentoring.participant
   where (select identity.acting_role()) in ('service', 'system');
end;

-- --- everything about a person ---------------------------------------------------------------------

-- For the person and the coordinator. Null: there is nobody of this id for this caller. Of the pairs
-- there is what concerns the person, and not who the other one is: not what the other one said, how
-- the two of them were judged to fit, or what the mentee wanted and reached, where this is the mentor.
create function mentoring.subject_access(wanted uuid, wanted_kind mentoring.participant_kind)
returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object(
    'person', to_jsonb(p) || jsonb_build_object('languages', coalesce((
      select jsonb_agg(to_jsonb(l) - 'participant_id' order by l.language)
        from mentoring.participant_language l where l.participant_id = p.id), '[]')),
    'contact', (select to_jsonb(c) - 'participant_id' from mentoring.contact c
                 where c.participant_id = p.id),
    'consents', coalesce((
      select jsonb_agg(to_jsonb(c) - 'participant_id' order by c.given_at, c.purpose)
        from mentoring.consent c where c.participant_id = p.id), '[]'),
    'pairs', coalesce((
      select jsonb_agg(
        case p.kind
          when 'mentor' then to_jsonb(x) - array['mentee_id', 'mentee_subject', 'mentee_kind', 'score']
          else to_jsonb(x) - array['mentor_id', 'mentor_subject', 'mentor_kind', 'score'] end
        || jsonb_build_object(
          -- Why the pair was completed is said of both; all else is between who said it and the
          -- coordinator.
          'reason', (select m.reason from mentoring.pair_move m
                      where m.pair_id = x.id and m.version = x.version
                        and (m.side = p.kind::text or m.move = 'complete')),
          'moves', coalesce((
            select jsonb_agg(to_jsonb(m) - 'pair_id' || jsonb_build_object(
                     'reason', case when m.side = p.kind::text or m.move = 'complete'
                                    then m.reason end) order by m.version)
              from mentoring.pair_move m where m.pair_id = x.id), '[]'),
          'meetings', coalesce((
            select jsonb_agg(to_jsonb(m) - 'pair_id' || jsonb_build_object(
                     'reason', case when m.reason not like
                                      case p.kind when 'mentor' then 'mentee' else 'mentor' end || '%'
                                    then m.reason end) order by m.starts_at, m.id)
              from mentoring.meeting m where m.pair_id = x.id), '[]'),
          'goals', coalesce((select jsonb_agg(to_jsonb(g) - 'pair_id' order by g.created_at, g.id)
                               from mentoring.goal g
                              where g.pair_id = x.id and p.kind = 'mentee'), '[]'),
          'feedback', coalesce((select jsonb_agg(to_jsonb(f) - 'pair_id' order by f.given_at)
                                  from mentoring.feedback f
                                 where f.pair_id = x.id and f.side = p.kind::text), '[]'),
          'outcomes', coalesce((select jsonb_agg(to_jsonb(o) - 'pair_id' order by o.noted_at, o.code)
                                  from mentoring.outcome o
                                 where o.pair_id = x.id and p.kind = 'mentee'), '[]'))
        order by x.proposed_at, x.id)
        from mentoring.pair x where p.id in (x.mentor_id, x.mentee_id)), '[]'),
    -- What was done with the person, and by the person; and by others with its pairs. What the partner
    -- did is the partner's, even looking at the person: when one was here is nobody else's to know.
    'log', coalesce((
      select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'at', e.at, 'role', e.role, 'by_person', coalesce(e.subject = p.audit_id::text, false),
               'action', e.action, 'resource', e.resource,
               'record', case when e.resource in ('mentors', 'mentees') then null else e.record_id end,
               'version', e.version, 'properties', e.properties)) order by e.at)
        from (select * from audit.entry e
               where e.record_id = p.audit_id
                 and (e.role <> 'participant' or e.subject = p.audit_id::text)
              union
              select * from audit.entry e
               where e.role in ('participant', 'service') and e.subject = p.audit_id::text
              union
              select e.* from audit.entry e
               where e.role <> 'participant' and e.record_id in (
                 select x.id from mentoring.pair x where p.id in (x.mentor_id, x.mentee_id)
                 union select x.cohort_id from mentoring.pair x
                        where p.id in (x.mentor_id, x.mentee_id)
                 union select m.id from mentoring.meeting m join mentoring.pair x on x.id = m.pair_id
                        where p.id in (x.mentor_id, x.mentee_id)
                 union select g.id from mentoring.goal g join mentoring.pair x on x.id = g.pair_id
                        where p.id in (x.mentor_id, x.mentee_id))) e), '[]'),
    'requests', coalesce((
      select jsonb_agg(jsonb_build_object('at', k.created_at, 'status', k.status)
                       order by k.created_at)
        from identity.idempotency_key k
       where k.record_id = p.id or k.caller = 'subject:' || p.subject), '[]'))
    from mentoring.participant p
   where p.id = wanted and p.kind = wanted_kind
     and case (select identity.acting_role())
           when 'coordinator' then p.withdrawn_at is null and exists (
             select from catalogue.record r
              where r.id = p.programme_id
                and r.owner_id = (select identity.acting_organisation()))
           when 'participant' then p.subject = (select identity.acting_subject())
           else false end;
end;
-- What somebody did, by the name that the log has for them; few entries are theirs.
create index entry_of_person on audit.entry (subject, at) where role in ('participant', 'service');

-- --- who may ---------------------------------------------------------------------------------------

select catalogue.force_row_security(t) from unnest(array[
  'mentoring.participant', 'mentoring.participant_language', 'mentoring.contact',
  'mentoring.consent', 'mentoring.pair', 'mentoring.pair_move', 'mentoring.meeting',
  'mentoring.goal', 'mentoring.feedback', 'mentoring.outcome', 'mentoring.erasure']::regclass[]) t;

-- A coordinator has the programmes that belong to its organisation, and who is in them with consent;
-- a participant has itself, and the partner of its pair until that has ended.
create policy coordinate on mentoring.participant using (
  (select identity.acting_role()) = 'coordinator' and withdrawn_at is null and exists (
    select from catalogue.record r
     where r.id = programme_id and r.owner_id = (select identity.acting_organisation())
       and r.deleted_at is null));
create policy own on mentoring.participant for select using (
  (select identity.acting_role()) = 'participant'
  and subject = (select identity.acting_subject()));
create policy change_own on mentoring.participant for update using (
  (select identity.acting_role()) = 'participant'
  and subject = (select identity.acting_subject()));
create policy partner on mentoring.participant for select using (
  (select identity.acting_role()) = 'participant' and withdrawn_at is null and exists (
    select from mentoring.pair p
     where ((p.mentor_id = participant.id
             and p.mentee_subject = (select identity.acting_subject()))
            or (p.mentee_id = participant.id
                and p.mentor_subject = (select identity.acting_subject())))
       and p.state in ('proposed', 'accepted', 'active', 'paused')));
grant select, insert, update on mentoring.participant to express_writer;
-- What the functions of this schema do, which act as the owner.
create policy act on mentoring.participant to express_owner using (true) with check (true);

create policy of_person on mentoring.participant_language for select using (
  exists (select from mentoring.participant p where p.id = participant_id));
create policy write on mentoring.participant_language using (
  exists (select from mentoring.participant p where p.id = participant_id
             and ((select identity.acting_role()) = 'coordinator'
                  or p.subject = (select identity.acting_subject()))));
grant select, insert, update, delete on mentoring.participant_language to express_writer;
create policy act on mentoring.participant_language to express_owner using (true) with check (true);

create policy write on mentoring.contact using (
  exists (select from mentoring.participant p where p.id = participant_id and p.withdrawn_at is null
             and ((select identity.acting_role()) = 'coordinator'
                  or p.subject = (select identity.acting_subject()))));
-- The partner: while the pair is active, and as long as the person agrees to be reached.
create policy partner on mentoring.contact for select using (
  (select identity.acting_role()) = 'participant'
  and exists (select from mentoring.consent c where c.participant_id = contact.participant_id
                 and c.purpose = 'contact' and c.withdrawn_at is null)
  and exists (
    select from mentoring.pair p
     where ((p.mentor_id = contact.participant_id
             and p.mentee_subject = (select identity.acting_subject()))
            or (p.mentee_id = contact.participant_id
                and p.mentor_subject = (select identity.acting_subject())))
       and p.state = 'active'));
grant select, insert, update, delete on mentoring.contact to express_writer;
create policy act on mentoring.contact to express_owner using (true) with check (true);

create policy of_person on mentoring.consent for select using (
  exists (select from mentoring.participant p where p.id = participant_id));
create policy write on mentoring.consent using (
  exists (select from mentoring.participant p where p.id = participant_id
             and ((select identity.acting_role()) = 'coordinator'
                  or p.subject = (select identity.acting_subject()))));
grant select, insert, update on mentoring.consent to express_writer;
create policy act on mentoring.consent to express_owner using (true) with check (true);

create policy coordinate on mentoring.pair using (
  (select identity.acting_role()) = 'coordinator' and exists (
    select from catalogue.record r
     where r.id = programme_id and r.owner_id = (select identity.acting_organisation())
       and r.deleted_at is null));
create policy own on mentoring.pair for select using (
  (select identity.acting_role()) = 'participant'
  and (select identity.acting_subject()) in (mentor_subject, mentee_subject));
create policy take_part on mentoring.pair for update using (
  (select identity.acting_role()) = 'participant'
  and (select identity.acting_subject()) in (mentor_subject, mentee_subject));
-- The worker: what is due.
create policy due on mentoring.pair for update using (
  (select identity.acting_role()) = 'service' and state in ('proposed', 'accepted')
  and respond_by < now())
  with check ((select identity.acting_role()) = 'service' and state = 'expired');
create policy expired on mentoring.pair for select using (
  (select identity.acting_role()) = 'service'
  and (state = 'expired' or (state in ('proposed', 'accepted') and respond_by < now())));
grant select, insert, update on mentoring.pair to express_writer;
create policy act on mentoring.pair to express_owner using (true) with check (true);

create policy of_pair on mentoring.pair_move for select using (
  exists (select from mentoring.pair p where p.id = pair_id));
create policy add on mentoring.pair_move for insert with check (
  exists (select from mentoring.pair p where p.id = pair_id and p.version = pair_move.version
             and p.state = to_state)
  and case (select identity.acting_role())::text
        when 'participant' then exists (
          select from mentoring.pair p
           where p.id = pair_id
             and case actor when 'mentor' then p.mentor_subject when 'mentee' then p.mentee_subject end
                 = (select identity.acting_subject()))
        else actor = (select identity.acting_role())::text end);
grant select, insert on mentoring.pair_move to express_writer;
create policy act on mentoring.pair_move to express_owner using (true) with check (true);

create policy of_pair on mentoring.meeting using (
  exists (select from mentoring.pair p where p.id = pair_id))
  with check (exists (select from mentoring.pair p where p.id = pair_id));
create policy due on mentoring.meeting using (
  (select identity.acting_role()) = 'service' and state = 'planned' and answer_by < now());
grant select, insert, update on mentoring.meeting to express_writer;
create policy act on mentoring.meeting to express_owner using (true) with check (true);

create policy of_pair on mentoring.goal using (
  exists (select from mentoring.pair p where p.id = pair_id))
  with check (exists (select from mentoring.pair p where p.id = pair_id));
grant select, insert, update on mentoring.goal to express_writer;
create policy act on mentoring.goal to express_owner using (true) with check (true);

-- Each side's word is between that side and the coordinator.
create policy coordinate on mentoring.feedback for select using (
  (select identity.acting_role()) = 'coordinator'
  and exists (select from mentoring.pair p where p.id = pair_id));
create policy own on mentoring.feedback using (
  (select identity.acting_role()) = 'participant' and exists (
    select from mentoring.pair p where p.id = pair_id
       and case side when 'mentor' then p.mentor_subject else p.mentee_subject end
           = (select identity.acting_subject())));
grant select, insert, update on mentoring.feedback to express_writer;
create policy act on mentoring.feedback to express_owner using (true) with check (true);

create policy of_pair on mentoring.outcome for select using (
  exists (select from mentoring.pair p where p.id = pair_id));
create policy note on mentoring.outcome for insert with check (
  (select identity.acting_role()) = 'coordinator'
  and exists (select from mentoring.pair p where p.id = pair_id));
create policy correct on mentoring.outcome for delete using (
  (select identity.acting_role()) = 'coordinator'
  and exists (select from mentoring.pair p where p.id = pair_id));
grant select, insert, delete on mentoring.outcome to express_writer;
create policy act on mentoring.outcome to express_owner using (true) with check (true);

create policy act on mentoring.erasure to express_owner using (true) with check (true);

grant select on mentoring.transition to express_writer;

revoke all on function mentoring.see_present, mentoring.guard_intake, mentoring.guard_consent,
  mentoring.guard_proposal, mentoring.guard_move, mentoring.check_moved,
  mentoring.cancel_meetings, mentoring.guard_meeting, mentoring.guard_goal,
  mentoring.guard_feedback, mentoring.guard_outcome, mentoring.heed_withdrawal,
  mentoring.name_in_log, mentoring.programme_rules, mentoring.is_erasing, mentoring.remove_person,
  mentoring.erase, mentoring.gone, mentoring.receipt, mentoring.erasures_since,
  mentoring.forget_askers, mentoring.erase_again, mentoring.expire, mentoring.people,
  mentoring.subject_access from public;
grant execute on function mentoring.programme_rules, mentoring.erase, mentoring.gone,
  mentoring.receipt, mentoring.erasures_since, mentoring.forget_askers, mentoring.expire,
  mentoring.people, mentoring.subject_access to express_writer;
reset role;
