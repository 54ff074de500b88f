-- Territory and transfer: who has taken which practice where, analyses of practices and networks,
-- how figures of impact were found, and scales of assessment tools.
set role express_owner;

create table catalogue.adoptions (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text,
  practice_id uuid not null references catalogue.practices (id) deferrable initially deferred,
  adopter_id uuid references catalogue.organisations (id) deferrable initially deferred,
  resulting_practice_id uuid
    references catalogue.practices (id) deferrable initially deferred,
  country text,
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  since catalogue.partial_date,
  until catalogue.partial_date,
  changes text,
  result text,
  result_note text,
  constraint adoptions_location_whole check ((location_lat is null) = (location_lon is null)),
  constraint adoptions_dates_in_order check (catalogue.in_order(since, until))
);
comment on table catalogue.adoptions is
  'Practices that were taken to another place - who tries which practice where, since when, '
  'with what changes, and with what result.';
create index adoptions_practice_id on catalogue.adoptions (practice_id);
create index adoptions_adopter_id on catalogue.adoptions (adopter_id);
create index adoptions_resulting_practice_id on catalogue.adoptions (resulting_practice_id);

create table catalogue.analyses (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text,
  kind text not null,
  made_on catalogue.partial_date
);
comment on table catalogue.analyses is
  'SWOT and PESTEL analyses of practices and networks - what inside and outside helps or '
  'hinders them, by those who made the analysis.';

create table catalogue.analyses_practices (
  record_id uuid not null references catalogue.analyses (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.practices (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.analyses_practices is 'analyses.practices: Practices it is about.';
create index analyses_practices_target_id on catalogue.analyses_practices (target_id);

create table catalogue.analyses_networks (
  record_id uuid not null references catalogue.analyses (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.networks (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.analyses_networks is 'analyses.networks: Networks it is about.';
create index analyses_networks_target_id on catalogue.analyses_networks (target_id);

create table catalogue.analyses_organisations (
  record_id uuid not null references catalogue.analyses (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.analyses_organisations is
  'analyses.organisations: Organisations that made it.';
create index analyses_organisations_target_id on catalogue.analyses_organisations (target_id);

create table catalogue.analyses_entries (
  record_id uuid not null references catalogue.analyses (id) on delete cascade,
  position integer not null check (position >= 0),
  factor text not null,
  text text not null,
  effect text,
  primary key (record_id, position)
);
comment on table catalogue.analyses_entries is
  'analyses.entries: What was found, in the order of the analysis.';

-- How a figure of a practice was found, and what time it is about.
alter table catalogue.practices_impact
  add column period_from catalogue.partial_date,
  add column period_until catalogue.partial_date,
  add column method_family text,
  add column source_document_id uuid
    references catalogue.publications (id) deferrable initially deferred,
  add column source_section text,
  add column source_url text,
  add constraint practices_impact_period_in_order
    check (catalogue.in_order(period_from, period_until));
create index practices_impact_source_document_id
  on catalogue.practices_impact (source_document_id);

-- Scales of the axes of an assessment tool, what is asked, and the levels that are reached.
alter table catalogue.assessment_tools_axes
  add column minimum numeric,
  add column maximum numeric,
  add column weight numeric check (weight >= 0),
  add constraint assessment_tools_axes_scale_in_order check (minimum <= maximum);

create table catalogue.assessment_tools_axes_scale_labels (
  record_id uuid not null,
  parent_position integer not null,
  position integer not null check (position >= 0),
  value numeric not null,
  label text not null,
  primary key (record_id, parent_position, position),
  foreign key (record_id, parent_position)
    references catalogue.assessment_tools_axes (record_id, position) on delete cascade
);
comment on table catalogue.assessment_tools_axes_scale_labels is
  'assessment_tools.axes.scale_labels: What values of the scale mean.';

create table catalogue.assessment_tools_axes_questions (
  record_id uuid not null,
  parent_position integer not null,
  position integer not null check (position >= 0),
  code text not null check (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  text text not null,
  weight numeric check (weight >= 0),
  reversed boolean,
  primary key (record_id, parent_position, position),
  foreign key (record_id, parent_position)
    references catalogue.assessment_tools_axes (record_id, position) on delete cascade
);
comment on table catalogue.assessment_tools_axes_questions is
  'assessment_tools.axes.questions: Questions of the axis. Without any the axis itself is what '
  'is answered.';

create table catalogue.assessment_tools_levels (
  record_id uuid not null references catalogue.assessment_tools (id) on delete cascade,
  position integer not null check (position >= 0),
  code text not null check (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  label text not null,
  from_percent numeric not null check (from_percent between 0 and 100),
  primary key (record_id, position)
);
comment on table catalogue.assessment_tools_levels is
  'assessment_tools.levels: Levels that a score can reach, for each axis and over all.';

select catalogue.protect_resource('catalogue.adoptions', 'id');
select catalogue.protect_resource('catalogue.analyses', 'id');
select catalogue.protect_resource(part::regclass, 'record_id')
  from unnest(array['catalogue.analyses_practices', 'catalogue.analyses_networks',
                    'catalogue.analyses_organisations', 'catalogue.analyses_entries',
                    'catalogue.assessment_tools_axes_scale_labels',
                    'catalogue.assessment_tools_axes_questions',
                    'catalogue.assessment_tools_levels']) as added(part);

reset role;
