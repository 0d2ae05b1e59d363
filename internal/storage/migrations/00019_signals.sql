-- +goose Up
-- Streams of shared signals. body is what the receiver decided, secret the sealed
-- header of its pushes; the rest is how delivery goes. waiting counts the SETs that are
-- to be delivered, control those of them that are about the stream itself. A stream that
-- is leased is being pushed to; due puts the next push off.
CREATE TABLE signal_streams (
  id TEXT PRIMARY KEY, client TEXT NOT NULL, app TEXT NOT NULL, body TEXT NOT NULL, secret BYTEA, method TEXT NOT NULL, status TEXT NOT NULL,
  created BIGINT NOT NULL, version BIGINT NOT NULL, last BIGINT NOT NULL DEFAULT 0, waiting BIGINT NOT NULL DEFAULT 0, control BIGINT NOT NULL DEFAULT 0,
  leased BIGINT NOT NULL DEFAULT 0, due BIGINT NOT NULL DEFAULT 0, failures BIGINT NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', failed BIGINT NOT NULL DEFAULT 0,
  delivered BIGINT NOT NULL DEFAULT 0, dropped BIGINT NOT NULL DEFAULT 0, refused BIGINT NOT NULL DEFAULT 0, delivered_at BIGINT NOT NULL DEFAULT 0,
  verified BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX signal_streams_client ON signal_streams (client, created, id);
CREATE INDEX signal_streams_due ON signal_streams (due) WHERE waiting > 0;
CREATE TABLE signal_sets (
  stream TEXT NOT NULL, id TEXT NOT NULL, seq BIGINT NOT NULL, event TEXT NOT NULL, txn TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL,
  claims TEXT NOT NULL, control BOOLEAN NOT NULL, issued BIGINT NOT NULL, state TEXT NOT NULL, refusals BIGINT NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '', settled BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (stream, id)
);
CREATE INDEX signal_sets_seq ON signal_sets (stream, seq);
CREATE INDEX signal_sets_waiting ON signal_sets (stream, seq) WHERE state = 'waiting';
CREATE INDEX signal_sets_issued ON signal_sets (issued) WHERE state = 'waiting';
CREATE INDEX signal_sets_settled ON signal_sets (settled) WHERE state <> 'waiting';
-- Whom the streams of a client hear of.
CREATE TABLE signal_subjects (
  receiver TEXT NOT NULL, person TEXT NOT NULL, session TEXT NOT NULL, via TEXT NOT NULL, connection TEXT NOT NULL, seen BIGINT NOT NULL,
  PRIMARY KEY (receiver, person, session, via)
);
CREATE INDEX signal_subjects_person ON signal_subjects (person) WHERE person <> '';
CREATE INDEX signal_subjects_session ON signal_subjects (session) WHERE session <> '';
CREATE INDEX signal_subjects_connection ON signal_subjects (connection) WHERE connection <> '';
CREATE INDEX signal_subjects_via ON signal_subjects (via);
CREATE INDEX signal_subjects_seen ON signal_subjects (seen);

-- +goose Down
DROP TABLE signal_subjects;
DROP TABLE signal_sets;
DROP TABLE signal_streams;
