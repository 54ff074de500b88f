-- The tables of the resources.
--
-- Columns follow the contract by one rule, without exceptions:
--   a scalar is a column of its name; an object is columns <object>_<member>;
--   a list of scalars is an array column, null when absent;
--   a relation is <property>_id; a list of relations is a table <table>_<property> with target_id;
--   a list of objects is a table <table>_<property>; one inside it has parent_position as well.
-- Rows of lists are in the order of position, from 0. The contract checks which codes exist; the
-- checks here are for what must hold whoever writes. References are checked at commit, so that
-- records may be written in any order.

set local role express_owner;

create table catalogue.assessment_tools (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  kind text not null,
  country text,
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  axes_complete boolean,
  constraint assessment_tools_location_whole check (
    (location_lat is null) = (location_lon is null))
);
comment on table catalogue.assessment_tools is
  'Tools that find out what people can do, and grids that assess social impact, '
  'eligibility, projects or policies.';

create table catalogue.practices (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  aliases text[],
  summary text not null,
  description text,
  country text,
  countries text[],
  city text,
  cities text[],
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  value_chain_steps text[]
    check (value_chain_steps <@ array['competence_assessment', 'training', 'mentoring',
      'information_campaign', 'networking', 'financing']),
  good_practice_themes integer[]
    check (good_practice_themes <@ array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
  sectors text[],
  target_groups text[],
  municipality_roles text[],
  municipality_note text,
  initiated_by_migrants boolean,
  initiated_note text,
  activity_status text,
  started_on catalogue.partial_date,
  started_on_note text,
  ended_on catalogue.partial_date,
  languages text[],
  languages_count integer check (languages_count >= 0),
  transferability_conditions text[],
  transferability_replicated_in text[],
  transferability_note text,
  assessment_tool_id uuid
    references catalogue.assessment_tools (id) deferrable initially deferred,
  constraint practices_location_whole check ((location_lat is null) = (location_lon is null)),
  constraint practices_dates_in_order check (catalogue.in_order(started_on, ended_on))
);
comment on table catalogue.practices is
  'Initiatives and good practices along the value chain of support for refugees and '
  'migrants who want to work or to found an enterprise: what was done, by whom, where, for '
  'whom, and with what result.';
create index practices_assessment_tool_id on catalogue.practices (assessment_tool_id);

create table catalogue.organisations (
  id uuid primary key references catalogue.record (id) on delete cascade,
  name text not null,
  aliases text[],
  legal_form text not null,
  scope text,
  summary text not null,
  description text,
  roles text[],
  country text,
  city text,
  cities text[],
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  founded_year integer check (founded_year between 1000 and 2999),
  languages text[],
  languages_count integer check (languages_count >= 0),
  website text,
  note text,
  constraint organisations_location_whole check ((location_lat is null) = (location_lon is null))
);
comment on table catalogue.organisations is
  'Bodies that carry, support, fund or buy: associations, cooperatives, companies, cities, '
  'trade unions, universities, funds and networks.';

create table catalogue.networks (
  id uuid primary key references catalogue.record (id) on delete cascade,
  name text not null,
  acronym text,
  kind text not null,
  scope text not null,
  scope_note text,
  summary text not null,
  operator_id uuid
    references catalogue.organisations (id) deferrable initially deferred,
  founded_year integer check (founded_year between 1000 and 2999),
  country text,
  countries text[],
  countries_count integer check (countries_count >= 0),
  countries_count_note text,
  members_count integer check (members_count >= 0),
  members_count_of text,
  members_count_note text,
  members_note text,
  website text,
  website_suspect boolean
);
comment on table catalogue.networks is
  'Networks of cities, social economy, trade unions, migrants and research, with their '
  'members.';
create index networks_operator_id on catalogue.networks (operator_id);

create table catalogue.legal_bases (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  kind text not null,
  scope text,
  country text,
  date catalogue.partial_date,
  renewed_year integer check (renewed_year between 1000 and 2999),
  maximum_amount_amount numeric check (maximum_amount_amount >= 0),
  maximum_amount_currency text check (maximum_amount_currency ~ '^[A-Z]{3}$'),
  constraint legal_bases_maximum_amount_whole check (
    (maximum_amount_amount is null) = (maximum_amount_currency is null))
);
comment on table catalogue.legal_bases is
  'Laws, decrees, motions, agreements and practices of law that make an initiative '
  'possible.';

create table catalogue.financing_offers (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  provider_id uuid
    references catalogue.organisations (id) deferrable initially deferred,
  provider_note text,
  instrument text not null,
  instrument_note text,
  minimum_amount_amount numeric check (minimum_amount_amount >= 0),
  minimum_amount_currency text check (minimum_amount_currency ~ '^[A-Z]{3}$'),
  maximum_amount_amount numeric check (maximum_amount_amount >= 0),
  maximum_amount_currency text check (maximum_amount_currency ~ '^[A-Z]{3}$'),
  amount_note text,
  interest text,
  term_months integer check (term_months between 0 and 1200),
  schedule_note text,
  scope text,
  country text,
  countries text[],
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  eligibility_target_groups text[],
  eligibility_legal_forms text[],
  eligibility_stages text[],
  eligibility_sectors text[],
  eligibility_themes text[],
  eligibility_residence_status text,
  eligibility_legal_condition text,
  eligibility_obligation text,
  eligibility_note text,
  accompanying_support text[],
  support_note text,
  call_year integer check (call_year between 1000 and 2999),
  activity_status text,
  legal_basis_id uuid
    references catalogue.legal_bases (id) deferrable initially deferred,
  website text,
  constraint financing_offers_minimum_amount_whole check (
    (minimum_amount_amount is null) = (minimum_amount_currency is null)),
  constraint financing_offers_maximum_amount_whole check (
    (maximum_amount_amount is null) = (maximum_amount_currency is null)),
  constraint financing_offers_location_whole check (
    (location_lat is null) = (location_lon is null)),
  constraint financing_offers_amounts_in_order check (
    minimum_amount_currency <> maximum_amount_currency
    or minimum_amount_amount <= maximum_amount_amount)
);
comment on table catalogue.financing_offers is
  'Money and help in kind for the first steps of an enterprise: loans, grants, awards, '
  'shares, crowdfunding, public contracts, premises.';
create index financing_offers_provider_id on catalogue.financing_offers (provider_id);
create index financing_offers_legal_basis_id on catalogue.financing_offers (legal_basis_id);

create table catalogue.mentoring_programmes (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  country text,
  cities text[],
  delivery_format text not null,
  other_delivery_formats text[],
  duration_months integer check (duration_months between 0 and 240),
  meetings_per_month numeric check (meetings_per_month between 0 and 100),
  follow_up_months integer check (follow_up_months between 0 and 240),
  mentor_criteria text[],
  mentee_criteria text[],
  sectors text[],
  started_on catalogue.partial_date,
  activity_status text,
  practice_id uuid
    references catalogue.practices (id) deferrable initially deferred,
  website text
);
comment on table catalogue.mentoring_programmes is
  'Programmes that put an experienced person at the side of a newcomer, in pairs or in '
  'groups. Mentors, mentees and their pairs are private and not part of this resource.';
create index mentoring_programmes_practice_id on catalogue.mentoring_programmes (practice_id);

create table catalogue.projects (
  id uuid primary key references catalogue.record (id) on delete cascade,
  name text not null,
  acronym text,
  summary text not null,
  programme text,
  call_year integer check (call_year between 1000 and 2999),
  started_on catalogue.partial_date,
  ended_on catalogue.partial_date,
  dates_note text,
  duration_months integer check (duration_months between 0 and 240),
  extended boolean,
  activity_status text,
  eu_grant_amount numeric check (eu_grant_amount >= 0),
  eu_grant_currency text check (eu_grant_currency ~ '^[A-Z]{3}$'),
  countries text[],
  eu_member_states_count integer check (eu_member_states_count between 0 and 100),
  partner_count integer check (partner_count between 0 and 10000),
  topics text[],
  target_groups text[],
  languages text[],
  objectives text[],
  outputs text[],
  website text,
  website_suspect boolean,
  constraint projects_eu_grant_whole check (
    (eu_grant_amount is null) = (eu_grant_currency is null)),
  constraint projects_dates_in_order check (catalogue.in_order(started_on, ended_on))
);
comment on table catalogue.projects is
  'Funded projects with their partners, dates, grant and results.';

create table catalogue.trainings (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  kind text not null,
  country text,
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  delivery_format text,
  duration_days integer check (duration_days between 0 and 10000),
  duration_months integer check (duration_months between 0 and 240),
  certified boolean,
  modules text[],
  languages text[],
  sectors text[],
  target_groups text[],
  started_on catalogue.partial_date,
  activity_status text,
  practice_id uuid
    references catalogue.practices (id) deferrable initially deferred,
  project_id uuid
    references catalogue.projects (id) deferrable initially deferred,
  website text,
  constraint trainings_location_whole check ((location_lat is null) = (location_lon is null))
);
comment on table catalogue.trainings is
  'Courses and trainings for newcomers, founders and those who support them.';
create index trainings_practice_id on catalogue.trainings (practice_id);
create index trainings_project_id on catalogue.trainings (project_id);

create table catalogue.campaigns (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  organisation_note text,
  country text,
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  topics text[],
  audience text[],
  started_on catalogue.partial_date,
  ended_on catalogue.partial_date,
  activity_status text,
  practice_id uuid
    references catalogue.practices (id) deferrable initially deferred,
  website text,
  website_suspect boolean,
  constraint campaigns_location_whole check ((location_lat is null) = (location_lon is null)),
  constraint campaigns_dates_in_order check (catalogue.in_order(started_on, ended_on))
);
comment on table catalogue.campaigns is
  'Information and awareness campaigns that make support known or change the way migration '
  'is seen.';
create index campaigns_practice_id on catalogue.campaigns (practice_id);

create table catalogue.services (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  kind text not null,
  provider_id uuid
    references catalogue.organisations (id) deferrable initially deferred,
  country text,
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  target_groups text[],
  topics text[],
  cost text,
  age_minimum integer check (age_minimum between 0 and 150),
  age_maximum integer check (age_maximum between 0 and 150),
  languages text[],
  languages_count integer check (languages_count >= 0),
  languages_note text,
  interpreters_count integer check (interpreters_count >= 0),
  contact_points_count integer check (contact_points_count >= 0),
  countries_count integer check (countries_count >= 0),
  activity_status text,
  practice_id uuid
    references catalogue.practices (id) deferrable initially deferred,
  website text,
  constraint services_location_whole check ((location_lat is null) = (location_lon is null)),
  constraint services_ages_in_order check (age_minimum <= age_maximum)
);
comment on table catalogue.services is
  'Services a newcomer can turn to: one-stop shops, advice, interpreting, housing, job '
  'matching, platforms.';
create index services_provider_id on catalogue.services (provider_id);
create index services_practice_id on catalogue.services (practice_id);

create table catalogue.places (
  id uuid primary key references catalogue.record (id) on delete cascade,
  name text not null,
  summary text not null,
  kind text not null,
  country text,
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  location_note text,
  activity_status text,
  practice_id uuid
    references catalogue.practices (id) deferrable initially deferred,
  website text,
  constraint places_location_whole check ((location_lat is null) = (location_lon is null))
);
comment on table catalogue.places is
  'Places where people meet, work and learn: hubs, incubators, third places, kitchens, '
  'workshops, farms.';
create index places_practice_id on catalogue.places (practice_id);

create table catalogue.events (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  kind text not null,
  starts_on catalogue.partial_date,
  ends_on catalogue.partial_date,
  date_note text,
  recurrence text,
  online boolean,
  country text,
  country_note text,
  city text,
  location_lat double precision check (location_lat between -90 and 90),
  location_lon double precision check (location_lon between -180 and 180),
  organiser_note text,
  practice_id uuid
    references catalogue.practices (id) deferrable initially deferred,
  eu_member_states_count integer check (eu_member_states_count between 0 and 100),
  activity_status text,
  website text,
  website_suspect boolean,
  constraint events_location_whole check ((location_lat is null) = (location_lon is null)),
  constraint events_dates_in_order check (catalogue.in_order(starts_on, ends_on))
);
comment on table catalogue.events is
  'Webinars, meetings, awards, festivals and decisions, past and to come.';
create index events_practice_id on catalogue.events (practice_id);

create table catalogue.publications (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  kind text not null,
  role text,
  year integer check (year between 1000 and 2999),
  year_note text,
  date catalogue.partial_date,
  date_note text,
  in_language text,
  organisation_note text,
  attribution_note text,
  legal_basis_id uuid
    references catalogue.legal_bases (id) deferrable initially deferred,
  reference text,
  period text,
  items_count integer check (items_count >= 0),
  availability text,
  activity_status text,
  url text,
  url_suspect boolean
);
comment on table catalogue.publications is
  'Guides, studies, reports, articles, videos and web pages; the sources of this catalogue '
  'among them.';
create index publications_legal_basis_id on catalogue.publications (legal_basis_id);

create table catalogue.vocabularies (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text,
  used_by text[]
);
comment on table catalogue.vocabularies is
  'Lists of terms that the other resources use as codes, with labels in several languages '
  'and links to other classifications; and the glossary.';

create table catalogue.recommendations (
  id uuid primary key references catalogue.record (id) on delete cascade,
  title text not null,
  summary text not null,
  actor text not null,
  good_practice_themes integer[]
    check (good_practice_themes <@ array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
);
comment on table catalogue.recommendations is
  'What municipalities, states, trade unions and workers can do, drawn from the good '
  'practices.';

create table catalogue.context_indicators (
  id uuid primary key references catalogue.record (id) on delete cascade,
  indicator text not null check (indicator ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  value numeric not null,
  unit text not null,
  area text not null,
  period text,
  note text
);
comment on table catalogue.context_indicators is
  'Figures on migration, work and the social economy that show the setting of the '
  'practices.';

-- Lists of the resources.

create table catalogue.practices_organisations (
  record_id uuid not null references catalogue.practices (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.practices_organisations is
  'practices.organisations: Organisations behind the practice. The first one carries it; '
  'the others support, fund or buy.';
create index practices_organisations_target_id on catalogue.practices_organisations (target_id);

create table catalogue.practices_impact (
  record_id uuid not null references catalogue.practices (id) on delete cascade,
  position integer not null check (position >= 0),
  indicator text not null check (indicator ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  value numeric not null,
  unit text not null,
  period text,
  note text,
  primary key (record_id, position)
);
comment on table catalogue.practices_impact is
  'practices.impact: Results that were reported, each with its figure.';

create table catalogue.practices_labels (
  record_id uuid not null references catalogue.practices (id) on delete cascade,
  position integer not null check (position >= 0),
  name text not null,
  year integer check (year between 1000 and 2999),
  primary key (record_id, position)
);
comment on table catalogue.practices_labels is
  'practices.labels: Quality labels and awards given to the practice.';

create table catalogue.practices_projects (
  record_id uuid not null references catalogue.practices (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.projects (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.practices_projects is
  'practices.projects: Projects the practice belongs to or comes from.';
create index practices_projects_target_id on catalogue.practices_projects (target_id);

create table catalogue.practices_web_links (
  record_id uuid not null references catalogue.practices (id) on delete cascade,
  position integer not null check (position >= 0),
  url text not null,
  label text not null,
  suspect boolean,
  primary key (record_id, position)
);
comment on table catalogue.practices_web_links is
  'practices.web_links: Web pages about the practice, each with a word on what it is.';

create table catalogue.organisations_indicators (
  record_id uuid not null references catalogue.organisations (id) on delete cascade,
  position integer not null check (position >= 0),
  indicator text not null check (indicator ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  value numeric not null,
  unit text not null,
  period text,
  note text,
  primary key (record_id, position)
);
comment on table catalogue.organisations_indicators is
  'organisations.indicators: Figures that describe the organisation or, for a municipality, '
  'its population.';

create table catalogue.organisations_web_links (
  record_id uuid not null references catalogue.organisations (id) on delete cascade,
  position integer not null check (position >= 0),
  url text not null,
  label text not null,
  suspect boolean,
  primary key (record_id, position)
);
comment on table catalogue.organisations_web_links is
  'organisations.web_links: Web pages about the organisation, each with a word on what it '
  'is.';

create table catalogue.networks_members (
  record_id uuid not null references catalogue.networks (id) on delete cascade,
  position integer not null check (position >= 0),
  organisation_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  role text,
  since catalogue.partial_date,
  until catalogue.partial_date,
  primary key (record_id, position),
  constraint networks_members_dates_in_order check (catalogue.in_order(since, until))
);
comment on table catalogue.networks_members is
  'networks.members: Members that are known by name. Their number may be far below '
  '`members_count`.';
create index networks_members_organisation_id on catalogue.networks_members (organisation_id);

create table catalogue.networks_partner_networks (
  record_id uuid not null references catalogue.networks (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.networks (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.networks_partner_networks is
  'networks.partner_networks: Networks it works with or belongs to.';
create index networks_partner_networks_target_id
  on catalogue.networks_partner_networks (target_id);

create table catalogue.financing_offers_partners (
  record_id uuid not null references catalogue.financing_offers (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.financing_offers_partners is
  'financing_offers.partners: Organisations that take part beside the provider.';
create index financing_offers_partners_target_id
  on catalogue.financing_offers_partners (target_id);

create table catalogue.financing_offers_shares (
  record_id uuid not null references catalogue.financing_offers (id) on delete cascade,
  position integer not null check (position >= 0),
  source text not null check (source ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  percent numeric not null check (percent between 0 and 100),
  primary key (record_id, position)
);
comment on table catalogue.financing_offers_shares is
  'financing_offers.shares: Who pays which share of the costs.';

create table catalogue.financing_offers_schedule (
  record_id uuid not null references catalogue.financing_offers (id) on delete cascade,
  position integer not null check (position >= 0),
  at text not null,
  public_share_percent numeric check (public_share_percent between 0 and 100),
  primary key (record_id, position)
);
comment on table catalogue.financing_offers_schedule is
  'financing_offers.schedule: How the public share changes over time, in order.';

create table catalogue.financing_offers_practices (
  record_id uuid not null references catalogue.financing_offers (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.practices (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.financing_offers_practices is
  'financing_offers.practices: Practices the offer has financed or belongs to.';
create index financing_offers_practices_target_id
  on catalogue.financing_offers_practices (target_id);

create table catalogue.financing_offers_projects (
  record_id uuid not null references catalogue.financing_offers (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.projects (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.financing_offers_projects is
  'financing_offers.projects: Projects the offer has financed.';
create index financing_offers_projects_target_id
  on catalogue.financing_offers_projects (target_id);

create table catalogue.mentoring_programmes_organisations (
  record_id uuid not null references catalogue.mentoring_programmes (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.mentoring_programmes_organisations is
  'mentoring_programmes.organisations: Organisations that run the programme.';
create index mentoring_programmes_organisations_target_id
  on catalogue.mentoring_programmes_organisations (target_id);

create table catalogue.mentoring_programmes_outcomes (
  record_id uuid not null references catalogue.mentoring_programmes (id) on delete cascade,
  position integer not null check (position >= 0),
  indicator text not null check (indicator ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  value numeric not null,
  unit text not null,
  period text,
  note text,
  primary key (record_id, position)
);
comment on table catalogue.mentoring_programmes_outcomes is
  'mentoring_programmes.outcomes: Results that were reported, each with its figure.';

create table catalogue.mentoring_programmes_projects (
  record_id uuid not null references catalogue.mentoring_programmes (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.projects (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.mentoring_programmes_projects is
  'mentoring_programmes.projects: Projects the programme comes from.';
create index mentoring_programmes_projects_target_id
  on catalogue.mentoring_programmes_projects (target_id);

create table catalogue.trainings_organisations (
  record_id uuid not null references catalogue.trainings (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.trainings_organisations is
  'trainings.organisations: Organisations that give the training.';
create index trainings_organisations_target_id on catalogue.trainings_organisations (target_id);

create table catalogue.trainings_outcomes (
  record_id uuid not null references catalogue.trainings (id) on delete cascade,
  position integer not null check (position >= 0),
  indicator text not null check (indicator ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  value numeric not null,
  unit text not null,
  period text,
  note text,
  primary key (record_id, position)
);
comment on table catalogue.trainings_outcomes is
  'trainings.outcomes: Results that were reported, each with its figure.';

create table catalogue.campaigns_organisations (
  record_id uuid not null references catalogue.campaigns (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.campaigns_organisations is
  'campaigns.organisations: Organisations that run the campaign.';
create index campaigns_organisations_target_id on catalogue.campaigns_organisations (target_id);

create table catalogue.assessment_tools_organisations (
  record_id uuid not null references catalogue.assessment_tools (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.assessment_tools_organisations is
  'assessment_tools.organisations: Organisations that made or use the tool.';
create index assessment_tools_organisations_target_id
  on catalogue.assessment_tools_organisations (target_id);

create table catalogue.assessment_tools_axes (
  record_id uuid not null references catalogue.assessment_tools (id) on delete cascade,
  position integer not null check (position >= 0),
  code text not null check (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  label text not null,
  primary key (record_id, position)
);
comment on table catalogue.assessment_tools_axes is
  'assessment_tools.axes: Axes along which the tool looks, in its order.';

create table catalogue.assessment_tools_practices (
  record_id uuid not null references catalogue.assessment_tools (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.practices (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.assessment_tools_practices is
  'assessment_tools.practices: Practices that use the tool.';
create index assessment_tools_practices_target_id
  on catalogue.assessment_tools_practices (target_id);

create table catalogue.assessment_tools_projects (
  record_id uuid not null references catalogue.assessment_tools (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.projects (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.assessment_tools_projects is
  'assessment_tools.projects: Projects in which the tool was made.';
create index assessment_tools_projects_target_id
  on catalogue.assessment_tools_projects (target_id);

create table catalogue.assessment_tools_publications (
  record_id uuid not null references catalogue.assessment_tools (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.publications (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.assessment_tools_publications is
  'assessment_tools.publications: Publications that describe the tool.';
create index assessment_tools_publications_target_id
  on catalogue.assessment_tools_publications (target_id);

create table catalogue.services_networks (
  record_id uuid not null references catalogue.services (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.networks (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.services_networks is
  'services.networks: Networks the service belongs to.';
create index services_networks_target_id on catalogue.services_networks (target_id);

create table catalogue.places_organisations (
  record_id uuid not null references catalogue.places (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.places_organisations is
  'places.organisations: Organisations that run the place.';
create index places_organisations_target_id on catalogue.places_organisations (target_id);

create table catalogue.events_organisations (
  record_id uuid not null references catalogue.events (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.events_organisations is
  'events.organisations: Organisations that hold the event.';
create index events_organisations_target_id on catalogue.events_organisations (target_id);

create table catalogue.events_participants (
  record_id uuid not null references catalogue.events (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.events_participants is
  'events.participants: Organisations that take part.';
create index events_participants_target_id on catalogue.events_participants (target_id);

create table catalogue.events_networks (
  record_id uuid not null references catalogue.events (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.networks (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.events_networks is
  'events.networks: Networks the event belongs to.';
create index events_networks_target_id on catalogue.events_networks (target_id);

create table catalogue.events_projects (
  record_id uuid not null references catalogue.events (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.projects (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.events_projects is
  'events.projects: Projects the event belongs to.';
create index events_projects_target_id on catalogue.events_projects (target_id);

create table catalogue.events_publications (
  record_id uuid not null references catalogue.events (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.publications (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.events_publications is
  'events.publications: Publications about the event or presented there.';
create index events_publications_target_id on catalogue.events_publications (target_id);

create table catalogue.events_sessions (
  record_id uuid not null references catalogue.events (id) on delete cascade,
  position integer not null check (position >= 0),
  title text not null,
  kind text,
  value_chain_steps text[]
    check (value_chain_steps <@ array['competence_assessment', 'training', 'mentoring',
      'information_campaign', 'networking', 'financing']),
  primary key (record_id, position)
);
comment on table catalogue.events_sessions is
  'events.sessions: Programme of the event, in order.';

create table catalogue.events_sessions_organisations (
  record_id uuid not null,
  parent_position integer not null,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, parent_position, position),
  foreign key (record_id, parent_position)
    references catalogue.events_sessions (record_id, position) on delete cascade
);
comment on table catalogue.events_sessions_organisations is
  'events.sessions.organisations: Organisations that speak or are visited.';
create index events_sessions_organisations_target_id
  on catalogue.events_sessions_organisations (target_id);

create table catalogue.events_sessions_practices (
  record_id uuid not null,
  parent_position integer not null,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.practices (id) deferrable initially deferred,
  primary key (record_id, parent_position, position),
  foreign key (record_id, parent_position)
    references catalogue.events_sessions (record_id, position) on delete cascade
);
comment on table catalogue.events_sessions_practices is
  'events.sessions.practices: Practices that are shown.';
create index events_sessions_practices_target_id
  on catalogue.events_sessions_practices (target_id);

create table catalogue.events_outcomes (
  record_id uuid not null references catalogue.events (id) on delete cascade,
  position integer not null check (position >= 0),
  indicator text not null check (indicator ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  value numeric not null,
  unit text not null,
  period text,
  note text,
  primary key (record_id, position)
);
comment on table catalogue.events_outcomes is
  'events.outcomes: Results that were reported, each with its figure.';

create table catalogue.publications_organisations (
  record_id uuid not null references catalogue.publications (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.publications_organisations is
  'publications.organisations: Organisations that wrote or published it.';
create index publications_organisations_target_id
  on catalogue.publications_organisations (target_id);

create table catalogue.publications_projects (
  record_id uuid not null references catalogue.publications (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.projects (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.publications_projects is
  'publications.projects: Projects it comes from.';
create index publications_projects_target_id on catalogue.publications_projects (target_id);

create table catalogue.projects_partners (
  record_id uuid not null references catalogue.projects (id) on delete cascade,
  position integer not null check (position >= 0),
  organisation_id uuid not null
    references catalogue.organisations (id) deferrable initially deferred,
  role text,
  primary key (record_id, position)
);
comment on table catalogue.projects_partners is
  'projects.partners: Partners that are known by name. Their number may be below '
  '`partner_count`.';
create index projects_partners_organisation_id on catalogue.projects_partners (organisation_id);

create table catalogue.projects_networks (
  record_id uuid not null references catalogue.projects (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.networks (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.projects_networks is
  'projects.networks: Networks the project belongs to.';
create index projects_networks_target_id on catalogue.projects_networks (target_id);

create table catalogue.projects_impact (
  record_id uuid not null references catalogue.projects (id) on delete cascade,
  position integer not null check (position >= 0),
  indicator text not null check (indicator ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  value numeric not null,
  unit text not null,
  period text,
  note text,
  primary key (record_id, position)
);
comment on table catalogue.projects_impact is
  'projects.impact: Results that were reported, each with its figure.';

create table catalogue.vocabularies_terms (
  record_id uuid not null references catalogue.vocabularies (id) on delete cascade,
  position integer not null check (position >= 0),
  code text not null check (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
  title text not null,
  summary text,
  letter text check (letter ~ '^[a-z]$'),
  number integer check (number between 1 and 10000),
  contents text[],
  source_document_id uuid
    references catalogue.publications (id) deferrable initially deferred,
  source_section text,
  primary key (record_id, position)
);
comment on table catalogue.vocabularies_terms is
  'vocabularies.terms: The terms, in order. Only in the single record, or in a list when '
  'asked for with `fields`.';
create index vocabularies_terms_source_document_id
  on catalogue.vocabularies_terms (source_document_id);

create table catalogue.vocabularies_terms_labels (
  record_id uuid not null,
  parent_position integer not null,
  position integer not null check (position >= 0),
  language text not null,
  label text not null,
  origin text not null,
  primary key (record_id, parent_position, position),
  foreign key (record_id, parent_position)
    references catalogue.vocabularies_terms (record_id, position) on delete cascade
);
comment on table catalogue.vocabularies_terms_labels is
  'vocabularies.terms.labels: The term in other languages.';

create table catalogue.vocabularies_terms_mappings (
  record_id uuid not null,
  parent_position integer not null,
  position integer not null check (position >= 0),
  scheme text not null,
  uri text not null,
  primary key (record_id, parent_position, position),
  foreign key (record_id, parent_position)
    references catalogue.vocabularies_terms (record_id, position) on delete cascade
);
comment on table catalogue.vocabularies_terms_mappings is
  'vocabularies.terms.mappings: Matching entries in other classifications.';

create table catalogue.legal_bases_practices (
  record_id uuid not null references catalogue.legal_bases (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.practices (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.legal_bases_practices is
  'legal_bases.practices: Practices that rest on the text.';
create index legal_bases_practices_target_id on catalogue.legal_bases_practices (target_id);

-- What catalogue.record could not refer to before.

alter table catalogue.record
  add foreign key (owner_id) references catalogue.organisations (id)
    deferrable initially deferred,
  add foreign key (source_document_id) references catalogue.publications (id)
    deferrable initially deferred;

create table catalogue.record_source_other_documents (
  record_id uuid not null references catalogue.record (id) on delete cascade,
  position integer not null check (position >= 0),
  target_id uuid not null
    references catalogue.publications (id) deferrable initially deferred,
  primary key (record_id, position)
);
comment on table catalogue.record_source_other_documents is
  'Further publications that the facts of a record come from.';
create index record_source_other_documents_target_id
  on catalogue.record_source_other_documents (target_id);

reset role;
