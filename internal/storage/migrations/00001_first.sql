-- +goose Up
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE people (
  id TEXT PRIMARY KEY, body TEXT NOT NULL, disabled BOOLEAN NOT NULL, version BIGINT NOT NULL
);
CREATE TABLE identities (
  connection TEXT NOT NULL, subject TEXT NOT NULL, person TEXT NOT NULL REFERENCES people (id),
  PRIMARY KEY (connection, subject)
);
CREATE TABLE group_mappings (
  connection TEXT NOT NULL, group_id TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (connection, group_id)
);
CREATE TABLE connection_states (id TEXT PRIMARY KEY, disabled BOOLEAN NOT NULL);

CREATE TABLE sessions (
  id TEXT PRIMARY KEY, secret_hash BYTEA NOT NULL UNIQUE, person TEXT NOT NULL, connection TEXT NOT NULL,
  body TEXT NOT NULL, expires BIGINT NOT NULL, ended BIGINT NOT NULL DEFAULT 0, ended_by TEXT NOT NULL DEFAULT '',
  version BIGINT NOT NULL
);
CREATE INDEX sessions_person ON sessions (person) WHERE ended = 0;
CREATE INDEX sessions_connection ON sessions (connection) WHERE ended = 0;
CREATE INDEX sessions_ended_by ON sessions (ended_by, id) WHERE ended <> 0;
CREATE TABLE participants (
  session TEXT NOT NULL, client TEXT NOT NULL, app TEXT NOT NULL, first BIGINT NOT NULL, PRIMARY KEY (session, client)
);

CREATE TABLE codes (
  hash BYTEA PRIMARY KEY, grant_id TEXT NOT NULL, body TEXT NOT NULL, expires BIGINT NOT NULL, used BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX codes_expires ON codes (expires);
CREATE TABLE families (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, session TEXT NOT NULL, connection TEXT NOT NULL, app TEXT NOT NULL, client TEXT NOT NULL,
  offline BOOLEAN NOT NULL, body TEXT NOT NULL, last_use BIGINT NOT NULL, expires BIGINT NOT NULL,
  ended BIGINT NOT NULL DEFAULT 0, ended_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX families_person ON families (person) WHERE ended = 0;
CREATE INDEX families_session ON families (session) WHERE ended = 0;
CREATE INDEX families_connection ON families (connection) WHERE ended = 0;
CREATE INDEX families_app ON families (app) WHERE ended = 0;
CREATE TABLE refresh_tokens (
  hash BYTEA PRIMARY KEY, family TEXT NOT NULL, issued BIGINT NOT NULL, expires BIGINT NOT NULL,
  used BIGINT NOT NULL DEFAULT 0, successor BYTEA
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE TABLE consents (
  person TEXT NOT NULL, app TEXT NOT NULL, scopes TEXT NOT NULL, given BIGINT NOT NULL, PRIMARY KEY (person, app)
);

CREATE TABLE apps (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, client_id TEXT UNIQUE, audience TEXT UNIQUE, body TEXT NOT NULL,
  secrets TEXT NOT NULL, version BIGINT NOT NULL
);
CREATE TABLE counters (name TEXT PRIMARY KEY, number BIGINT NOT NULL);
INSERT INTO counters (name, number) VALUES ('revocation', 0), ('apps', 0);
CREATE TABLE revocations (
  number BIGINT PRIMARY KEY, kind TEXT NOT NULL, ref TEXT NOT NULL, raised BIGINT NOT NULL, event TEXT NOT NULL
);
CREATE INDEX revocations_raised ON revocations (raised);

CREATE TABLE audit (
  id TEXT PRIMARY KEY, at BIGINT NOT NULL, type TEXT NOT NULL, actor TEXT NOT NULL, subject TEXT NOT NULL,
  body BYTEA NOT NULL, digest BYTEA NOT NULL, seal BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX audit_seal ON audit (seal, id);
CREATE INDEX audit_at ON audit (at, id);
CREATE TABLE seals (number BIGINT PRIMARY KEY, body TEXT NOT NULL);

CREATE TABLE outbox (
  id TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL, due BIGINT NOT NULL, attempt BIGINT NOT NULL,
  created BIGINT NOT NULL, reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_due ON outbox (state, due);
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, queue TEXT NOT NULL, dedup TEXT NOT NULL, payload BYTEA NOT NULL, state TEXT NOT NULL, due BIGINT NOT NULL,
  deadline BIGINT NOT NULL, attempt BIGINT NOT NULL, reason TEXT NOT NULL DEFAULT '', UNIQUE (queue, dedup)
);
CREATE INDEX jobs_due ON jobs (state, due);
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until BIGINT NOT NULL);
CREATE TABLE signing_keys (id TEXT PRIMARY KEY, body TEXT NOT NULL, published BIGINT NOT NULL);

-- +goose Down
DROP TABLE signing_keys;
DROP TABLE leases;
DROP TABLE jobs;
DROP TABLE outbox;
DROP TABLE seals;
DROP TABLE audit;
DROP TABLE revocations;
DROP TABLE counters;
DROP TABLE apps;
DROP TABLE consents;
DROP TABLE refresh_tokens;
DROP TABLE families;
DROP TABLE codes;
DROP TABLE participants;
DROP TABLE sessions;
DROP TABLE connection_states;
DROP TABLE group_mappings;
DROP TABLE identities;
DROP TABLE people;
DROP TABLE meta;
