-- What the read model is made and asked with: days of partial dates, places on
-- a sphere, and full text search over many languages.
set role express_owner;

-- The first and last day that a partial date may mean: 2015-02 lasts from
-- 2015-02-01 to 2015-02-28.
create function published.first_day(value text) returns date
language sql immutable parallel safe as $$
  select (case length(value) when 4 then value || '-01-01'
                             when 7 then value || '-01' else value end)::date
$$;

create function published.last_day(value text) returns date
language sql immutable parallel safe as $$
  select case length(value)
           when 4 then (value || '-12-31')::date
           when 7 then ((value || '-01')::date + interval '1 month' - interval '1 day')::date
           else value::date end
$$;

-- A point on a sphere of the earth's mean radius (6371.0088 km, IUGG), in
-- kilometres from its centre. Straight distances order points as distances
-- along the ground do, at the poles and the antimeridian too, and an index on
-- cubes finds the nearest.
create function catalogue.position_on_earth(lat double precision, lon double precision)
returns extensions.cube
language sql immutable parallel safe as $$
  select extensions.cube(array[
    6371.0088 * cos(radians(lat)) * cos(radians(lon)),
    6371.0088 * cos(radians(lat)) * sin(radians(lon)),
    6371.0088 * sin(radians(lat))])
  where lat is not null and lon is not null
$$;

-- Words without accents, in no language: what every text is indexed by.
create text search configuration published.express (copy = pg_catalog.simple);
alter text search configuration published.express
  alter mapping for hword, hword_part, word with extensions.unaccent, pg_catalog.simple;

-- Beside them their stems, in the language of the text. Texts in languages
-- without a stemmer (Dari, Tigrinya, Ukrainian) are found by whole words and
-- beginnings of words.
do $$
declare
  stemmer record;
begin
  for stemmer in
    select * from (values
      ('ar', 'arabic'), ('ca', 'catalan'), ('da', 'danish'), ('nl', 'dutch'), ('en', 'english'),
      ('fi', 'finnish'), ('fr', 'french'), ('de', 'german'), ('el', 'greek'), ('hu', 'hungarian'),
      ('ga', 'irish'), ('it', 'italian'), ('lt', 'lithuanian'), ('no', 'norwegian'),
      ('nb', 'norwegian'), ('nn', 'norwegian'), ('pt', 'portuguese'), ('ro', 'romanian'),
      ('ru', 'russian'), ('sr', 'serbian'), ('es', 'spanish'), ('sv', 'swedish'),
      ('ta', 'tamil'), ('tr', 'turkish'), ('eu', 'basque'), ('hy', 'armenian')
    ) as listed(language, name)
  loop
    execute format('create text search configuration published.express_%s (copy = pg_catalog.%I)',
                   stemmer.language, stemmer.name);
    execute format('alter text search configuration published.express_%s '
                   'alter mapping for hword, hword_part, word with extensions.unaccent, %I',
                   stemmer.language, stemmer.name || '_stem');
  end loop;
end
$$;

create function published.stemmer(language text) returns regconfig
language sql stable parallel safe as $$
  select c.oid::regconfig from pg_catalog.pg_ts_config c
   where c.cfgname = 'express_' || split_part(language, '-', 1)
     and c.cfgnamespace = 'published'::regnamespace
$$;

-- The lexemes of a text: its words, and their stems where its language has them.
create function catalogue.words(language text, content text, weight "char") returns tsvector
language sql stable parallel safe as $$
  select setweight(
    to_tsvector('published.express', content) ||
    coalesce(to_tsvector(published.stemmer(language), content), ''::tsvector), weight)
$$;

-- The words of several texts together.
create aggregate catalogue.all_words(tsvector) (
  sfunc = pg_catalog.tsvector_concat, stype = tsvector, initcond = '', parallel = safe);

-- Every word that a published record has: how misspelt words are mended.
create table published.words (word text collate "C" primary key);
create index on published.words using gin (word extensions.gin_trgm_ops);
comment on table published.words is 'words of published records, for mending misspelt searches';

-- Every stem that a published record has: a word whose stem is known needs no mending.
create table published.stems (stem text collate "C" primary key);
comment on table published.stems is 'stems of words of published records';

-- The languages that published records are written in or translated into: whose stems a
-- search tries.
create table published.search_languages (language text primary key);
comment on table published.search_languages is 'languages of published records';

-- What the read model of each resource was made from.
create table published.model (resource text primary key, signature text not null);
comment on table published.model is 'signature of each resource''s read model';

-- Records that were published and are gone, and slugs that lead elsewhere now.
create table published.gone (
  resource text not null,
  id uuid not null,
  slug text not null,
  deleted_at timestamptz not null default now(),
  replaced_by uuid,
  primary key (resource, id));
create index on published.gone (resource, slug);
comment on table published.gone is 'tombstones: records that are no longer published';

create table published.moved (
  resource text not null,
  slug text not null,
  id uuid not null,
  primary key (resource, slug));
comment on table published.moved is 'earlier slugs, with the record that they lead to';

grant select on published.words, published.stems, published.search_languages, published.model, published.gone,
  published.moved to express_public;

-- similar_words() - words of the catalogue that a misspelt one may mean
--
-- By edits (one in short words, two in longer ones; a wrong first letter is
-- rare and counts as one more), then by common trigrams.
create function published.similar_words(misspelt text) returns text[]
language sql stable parallel safe as $$
  select coalesce(array_agg(word order by edits, likeness desc, word), '{}') from (
    select w.word,
           extensions.levenshtein(w.word, misspelt)
             + (left(w.word, 1) <> left(misspelt, 1))::integer as edits,
           extensions.similarity(w.word, misspelt) as likeness
      from published.words w
     where (w.word >= left(misspelt, 1) and w.word < left(misspelt, 1) || U&'\+10FFFF'
            or w.word operator(extensions.%) misspelt)
       and length(w.word) between length(misspelt) - 2 and length(misspelt) + 2
       and extensions.levenshtein_less_equal(w.word, misspelt, 2)
           <= case when length(misspelt) < 5 then 1 else 2 end
     order by 2, 3 desc, 1
     limit 3) as found
$$;

-- Does a text have this word, a word that begins with it, or one of its stems?
create function published.is_known(typed text, configurations regconfig[]) returns boolean
language sql stable parallel safe as $$
  select exists (select from published.words w
                  where w.word >= typed and w.word < typed || U&'\+10FFFF')
      or exists (select from unnest(configurations) c,
                             unnest(tsvector_to_array(to_tsvector(c, typed))) as of_word(stem)
                   join published.stems s on s.stem = of_word.stem)
$$;

-- search_query() - what somebody typed, as a query
--
-- Every word must be found: as it stands, by its stem in any language of the
-- catalogue, or as the beginning of a word (from three letters on). A word that
-- nothing begins with and whose stems nothing has is replaced by up to three that
-- look like it, and `corrected` then says how the search was understood. Words that
-- every text of a language has ("the", "des") are left out unless there is nothing
-- else; so are compounds ("self-employment") whose parts are looked for anyway.
create function published.search_query(typed text, out query tsquery, out corrected text)
language plpgsql stable parallel safe as $$
declare
  piece tsquery;
  stem tsquery;
  configuration regconfig;
  configurations regconfig[] := array(
    select distinct published.stemmer(language) from published.search_languages
     where published.stemmer(language) is not null);
  lexeme text;
  lexemes text[] := array(
    select u.lexeme from unnest(to_tsvector('published.express', typed)) u
     order by u.positions[1] limit 20);
  meaningful text[] := array(
    select l from unnest(lexemes) with ordinality as listed(l, n)
     where not exists (select from unnest(configurations) c where numnode(plainto_tsquery(c, l)) = 0)
     order by n);
  similar_words text[];
  is_corrected boolean := false;
begin
  if cardinality(meaningful) > 0 then
    lexemes := array(
      select l from unnest(meaningful) with ordinality as listed(l, n)
       where not (l like '%-%' and string_to_array(l, '-') <@ meaningful)
       order by n);
  end if;
  foreach lexeme in array lexemes loop
    piece := (quote_literal(lexeme) || case when length(lexeme) < 3 then '' else ':*' end)::tsquery;
    if length(lexeme) >= 3 and not published.is_known(lexeme, configurations) then
      similar_words := published.similar_words(lexeme);
      if cardinality(similar_words) > 0 then
        is_corrected := true;
        lexeme := similar_words[1];
        piece := array_to_string(array(select quote_literal(w) from unnest(similar_words) w),
                                 ' | ')::tsquery;
      end if;
    end if;
    corrected := concat_ws(' ', corrected, lexeme);
    foreach configuration in array configurations loop
      stem := plainto_tsquery(configuration, lexeme);
      if numnode(stem) > 0 then
        piece := piece || stem;
      end if;
    end loop;
    query := coalesce(query && piece, piece);
  end loop;
  if not is_corrected then
    corrected := null;
  end if;
end
$$;

-- highlighted() - a text of a document with the words that were found marked
--
-- Everything but the marks is escaped for HTML. The words are looked for as they
-- stand and by their stems; where the original has none of them, in its
-- translations. Null: they are in none of these.
create function published.marked(language text, content text, query tsquery) returns text
language sql stable parallel safe as $$
  select coalesce(
           nullif(ts_headline('published.express', safe, query, options), safe),
           nullif(ts_headline(published.stemmer(language), safe, query, options), safe))
    from (select replace(replace(replace(content, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') as safe,
                 'HighlightAll=true, StartSel=<mark>, StopSel=</mark>' as options) as escaped
$$;
create function published.highlighted(document json, translations text, property text,
                                      query tsquery) returns text
language sql stable parallel safe as $$
  select coalesce(
    published.marked(document->>'language', document->>property, query),
    (select found.text from (
       select published.marked(t.value->>'language', t.value->>'text', query) as text, t.position
         from json_array_elements(translations::json) with ordinality as t(value, position)
        where t.value->>'property' = property) as found
      where found.text is not null
      order by found.position
      limit 1))
$$;

-- Each change is told once per transaction and resource; whoever listens reads on.
create function catalogue.tell_change() returns trigger
language plpgsql as $$
begin
  perform pg_notify('express_change', resource) from (
    select distinct resource from changed) as told;
  return null;
end
$$;
create trigger tell after insert on catalogue.change
  referencing new table as changed
  for each statement execute function catalogue.tell_change();

reset role;
