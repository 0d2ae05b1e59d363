-- +goose Up
-- What people are searched by is derived from their row. Where derived is not the
-- row's version, a broker wrote it that does not know of this; a job makes up for it.
ALTER TABLE people ADD COLUMN updated BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN derived BIGINT NOT NULL DEFAULT 0;
CREATE INDEX people_updated ON people (updated, id);
CREATE INDEX people_disabled_folded ON people (folded, id) WHERE disabled;
CREATE INDEX people_disabled_updated ON people (updated, id) WHERE disabled;
CREATE INDEX people_underived ON people (id) WHERE derived <> version;
-- Words are bytes, so that both engines sort them the same in every locale.
CREATE TABLE person_words (word BYTEA NOT NULL, person TEXT NOT NULL, PRIMARY KEY (word, person));
CREATE INDEX person_words_person ON person_words (person, word);
CREATE INDEX identities_person ON identities (person, connection);

CREATE TABLE memberships (
  person TEXT NOT NULL, connection TEXT NOT NULL, group_id TEXT NOT NULL, PRIMARY KEY (person, connection, group_id)
);
CREATE INDEX memberships_group ON memberships (connection, group_id, person);
CREATE TABLE upstream_groups (
  connection TEXT NOT NULL, group_id TEXT NOT NULL, display TEXT NOT NULL DEFAULT '', folded TEXT NOT NULL, words TEXT NOT NULL,
  members BIGINT NOT NULL DEFAULT 0, first_seen BIGINT NOT NULL DEFAULT 0, last_seen BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (connection, group_id)
);
CREATE INDEX upstream_groups_folded ON upstream_groups (folded, connection, group_id);
CREATE INDEX upstream_groups_members ON upstream_groups (members, connection, group_id);
CREATE INDEX upstream_groups_last_seen ON upstream_groups (last_seen, connection, group_id);
CREATE INDEX group_mappings_name ON group_mappings (name, connection, group_id);
CREATE INDEX role_assignments_role ON role_assignments (role, person);

ALTER TABLE sessions ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sessions_created ON sessions (created, id) WHERE ended = 0;
DROP INDEX sessions_connection;
CREATE INDEX sessions_connection ON sessions (connection, created, id) WHERE ended = 0;
CREATE INDEX participants_app ON participants (app, session);

DROP INDEX families_app;
CREATE INDEX families_app ON families (app, person) WHERE ended = 0;
CREATE INDEX consents_app ON consents (app, person);

CREATE INDEX outbox_open ON outbox (id) WHERE state <> 'done' AND state <> 'discarded';
CREATE INDEX outbox_state ON outbox (state, id);
ALTER TABLE jobs ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_open ON jobs (id) WHERE state <> 'done' AND state <> 'discarded';
CREATE INDEX jobs_state ON jobs (state, id);

-- An entry's id sorts by its time, so that the primary key has that order already.
-- Issued tokens, which are most of the log, are in few indexes.
DROP INDEX audit_at;
CREATE INDEX audit_type ON audit (type, id) WHERE type <> 'token.issued';
CREATE INDEX audit_subject ON audit (subject, type, id) WHERE type <> 'token.issued';
CREATE INDEX audit_actor ON audit (actor, type, id);

CREATE TABLE signin_hours (
  hour BIGINT NOT NULL, connection TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, count BIGINT NOT NULL,
  PRIMARY KEY (hour, connection, outcome, reason)
);
CREATE TABLE token_hours (
  hour BIGINT NOT NULL, app TEXT NOT NULL, client TEXT NOT NULL, grant_type TEXT NOT NULL, count BIGINT NOT NULL,
  PRIMARY KEY (hour, app, client, grant_type)
);
INSERT INTO counters (name, number) VALUES ('activity', 0), ('admins', 0);

-- +goose Down
DELETE FROM counters WHERE name IN ('activity', 'admins');
DROP TABLE token_hours;
DROP TABLE signin_hours;
DROP INDEX audit_actor;
DROP INDEX audit_subject;
DROP INDEX audit_type;
CREATE INDEX audit_at ON audit (at, id);
DROP INDEX jobs_state;
DROP INDEX jobs_open;
ALTER TABLE jobs DROP COLUMN created;
DROP INDEX outbox_state;
DROP INDEX outbox_open;
DROP INDEX consents_app;
DROP INDEX families_app;
CREATE INDEX families_app ON families (app) WHERE ended = 0;
DROP INDEX participants_app;
DROP INDEX sessions_connection;
CREATE INDEX sessions_connection ON sessions (connection) WHERE ended = 0;
DROP INDEX sessions_created;
ALTER TABLE sessions DROP COLUMN created;
DROP INDEX role_assignments_role;
DROP INDEX group_mappings_name;
DROP TABLE upstream_groups;
DROP TABLE memberships;
DROP INDEX identities_person;
DROP TABLE person_words;
DROP INDEX people_underived;
DROP INDEX people_disabled_updated;
DROP INDEX people_disabled_folded;
DROP INDEX people_updated;
ALTER TABLE people DROP COLUMN derived;
ALTER TABLE people DROP COLUMN updated;
