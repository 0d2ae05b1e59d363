-- +goose Up
-- What SCIM connections keep. Keys are bytes that are folded in Go, so that both
-- engines compare them the same in every locale. A row that is deleted stays, for who
-- asks about the past and for who comes back.
CREATE TABLE record_users (
  id TEXT PRIMARY KEY, connection TEXT NOT NULL, person TEXT NOT NULL, external_id BYTEA NOT NULL, user_name TEXT NOT NULL, name_key BYTEA NOT NULL,
  active BOOLEAN NOT NULL, body TEXT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL, left_at BIGINT NOT NULL DEFAULT 0,
  deleted BIGINT NOT NULL DEFAULT 0, version BIGINT NOT NULL
);
CREATE UNIQUE INDEX record_users_name ON record_users (connection, name_key) WHERE deleted = 0;
CREATE UNIQUE INDEX record_users_external ON record_users (connection, external_id) WHERE deleted = 0 AND length(external_id) > 0;
CREATE INDEX record_users_past ON record_users (connection, external_id) WHERE deleted <> 0;
CREATE INDEX record_users_created ON record_users (connection, created, id) WHERE deleted = 0;
CREATE INDEX record_users_person ON record_users (person);
CREATE INDEX record_users_left ON record_users (connection, left_at) WHERE left_at <> 0;

CREATE TABLE record_groups (
  id TEXT PRIMARY KEY, connection TEXT NOT NULL, external_id BYTEA NOT NULL, display TEXT NOT NULL, display_key BYTEA NOT NULL, body TEXT NOT NULL,
  created BIGINT NOT NULL, updated BIGINT NOT NULL, deleted BIGINT NOT NULL DEFAULT 0, version BIGINT NOT NULL
);
CREATE UNIQUE INDEX record_groups_external ON record_groups (connection, external_id) WHERE deleted = 0 AND length(external_id) > 0;
CREATE UNIQUE INDEX record_groups_only_name ON record_groups (connection, display_key) WHERE deleted = 0 AND length(external_id) = 0;
CREATE INDEX record_groups_name ON record_groups (connection, display_key) WHERE deleted = 0;
CREATE INDEX record_groups_created ON record_groups (connection, created, id) WHERE deleted = 0;

-- One row for each time that somebody, or a group, was a member; until is 0 while it
-- holds. opened and closed are operations. A member that is pending has the value that
-- the client gave, any other our id; person is whose record it is.
CREATE TABLE record_members (
  group_id TEXT NOT NULL, member TEXT NOT NULL, since BIGINT NOT NULL, opened TEXT NOT NULL, connection TEXT NOT NULL, kind TEXT NOT NULL,
  person TEXT NOT NULL, pending BOOLEAN NOT NULL, until BIGINT NOT NULL DEFAULT 0, closed TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (group_id, member, since, opened)
);
CREATE UNIQUE INDEX record_members_open ON record_members (group_id, member) WHERE until = 0;
CREATE INDEX record_members_member ON record_members (member, until, group_id);
CREATE INDEX record_members_person ON record_members (person, until, group_id) WHERE person <> '';
CREATE INDEX record_members_nested ON record_members (group_id, member) WHERE kind = 'group' AND until = 0;
CREATE INDEX record_members_pending ON record_members (connection, member) WHERE pending AND until = 0;

-- When a user was not active, or not there; until is 0 while that is so.
CREATE TABLE record_absences (
  record TEXT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL DEFAULT 0, opened TEXT NOT NULL, closed TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (record, since, opened)
);

-- One row for each value of a record, and for each element of an attribute that is
-- complex, for filters and orders. exact is NULL where it is the key.
CREATE TABLE record_values (
  record TEXT NOT NULL, path TEXT NOT NULL, element BIGINT NOT NULL, connection TEXT NOT NULL, key BYTEA NOT NULL, exact BYTEA,
  PRIMARY KEY (record, path, element)
);
CREATE INDEX record_values_key ON record_values (connection, path, substr(key, 1, 256), record, element);

CREATE TABLE record_operations (
  id TEXT PRIMARY KEY, connection TEXT NOT NULL, body TEXT NOT NULL, changed BOOLEAN NOT NULL, expires BIGINT NOT NULL
);
CREATE INDEX record_operations_connection ON record_operations (connection, id);
CREATE INDEX record_operations_expires ON record_operations (expires);

CREATE TABLE record_tokens (
  id TEXT PRIMARY KEY, connection TEXT NOT NULL, hash BYTEA NOT NULL UNIQUE, body TEXT NOT NULL, created BIGINT NOT NULL, last_used BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX record_tokens_connection ON record_tokens (connection, created, id);

-- What a connection took away, counted against what it had when the window began.
CREATE TABLE record_guards (
  connection TEXT PRIMARY KEY, halted BIGINT NOT NULL DEFAULT 0, halted_by TEXT NOT NULL DEFAULT '', open_until BIGINT NOT NULL DEFAULT 0,
  began BIGINT NOT NULL DEFAULT 0, people BIGINT NOT NULL DEFAULT 0, members BIGINT NOT NULL DEFAULT 0,
  people_gone BIGINT NOT NULL DEFAULT 0, members_gone BIGINT NOT NULL DEFAULT 0
);

-- Who and what no connection touches that is not allowed to: people by id, groups by
-- connection/id.
CREATE TABLE record_protected (kind TEXT NOT NULL, ref TEXT NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (kind, ref));

-- +goose Down
DROP TABLE record_protected;
DROP TABLE record_guards;
DROP TABLE record_tokens;
DROP TABLE record_operations;
DROP TABLE record_values;
DROP TABLE record_absences;
DROP TABLE record_members;
DROP TABLE record_groups;
DROP TABLE record_users;
