-- +goose Up
-- What something was from when to when, one row for each time: mappings, releases of
-- apps, and what is switched about people and connections. until is 0 while it holds,
-- since is 0 where it began before this was kept; opened and closed are events. What
-- has no row has not changed since.
CREATE TABLE history (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, ref TEXT NOT NULL, name TEXT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL DEFAULT 0,
  opened TEXT NOT NULL, closed TEXT NOT NULL DEFAULT '', body TEXT NOT NULL
);
CREATE INDEX history_ref ON history (kind, ref, since);
CREATE UNIQUE INDEX history_open ON history (kind, ref) WHERE until = 0;
CREATE INDEX history_name ON history (kind, name, since) WHERE name <> '';

-- Who was in which upstream group because a sign-in told so: until is when that is over
-- without another one, or when one did not tell of it any more.
CREATE TABLE told_members (
  person TEXT NOT NULL, connection TEXT NOT NULL, group_id TEXT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL,
  opened TEXT NOT NULL, closed TEXT NOT NULL DEFAULT '', PRIMARY KEY (person, connection, group_id, since)
);

-- Roles in apps that administrators gave. whom is for whom, as one text.
CREATE TABLE assignments (
  id TEXT PRIMARY KEY, app TEXT NOT NULL, role TEXT NOT NULL, kind TEXT NOT NULL, whom TEXT NOT NULL, person TEXT NOT NULL,
  connection TEXT NOT NULL, group_id TEXT NOT NULL, attribute TEXT NOT NULL, body TEXT NOT NULL, created BIGINT NOT NULL, ended BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX assignments_open ON assignments (app, role, whom) WHERE ended = 0;
CREATE INDEX assignments_app ON assignments (app, id);
CREATE INDEX assignments_person ON assignments (person, id) WHERE person <> '';
CREATE INDEX assignments_group ON assignments (connection, group_id) WHERE kind = 'group' AND ended = 0;
CREATE INDEX assignments_attribute ON assignments (attribute) WHERE kind = 'attribute' AND ended = 0;

-- Which apps the groups' names let people into, derived from the apps. Where the
-- counter apps_derived is not apps, a broker wrote an app that does not know of it.
CREATE TABLE app_groups (name TEXT NOT NULL, app TEXT NOT NULL, PRIMARY KEY (name, app));
CREATE INDEX app_groups_app ON app_groups (app);
-- From when on history is kept, in microseconds: the broker that migrates says so.
INSERT INTO counters (name, number) VALUES ('apps_derived', 0), ('history', 0);

-- +goose Down
DELETE FROM counters WHERE name IN ('apps_derived', 'history');
DROP TABLE app_groups;
DROP TABLE assignments;
DROP TABLE told_members;
DROP TABLE history;
