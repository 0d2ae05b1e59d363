// Package access has what decides who may use what: it reads people, groups, apps and
// assignments as one decision needs them, keeps what they were, and takes from people what
// a change leaves them without. Whoever changes one of those does it in the same
// transaction: the parts that do import this one, which imports none of them.
//
// A change that takes a role in an app from a person ends what was issued for it in its
// own transaction: the event "access.lost" revokes identity.Install. A change of one
// person is looked at in the apps that it could concern (moved); one that is about many,
// such as a mapping, in everybody who is in the app (Sweep): up to sweepChunk at once,
// the others by a job, as many at a time. Whatever asks online decides anew in any case.
package access

import "github.com/gatehouse-io/gatehouse/internal/storage/sqldb"

// Store is what decides in a database: directory.Memberships.
type Store struct{ *sqldb.DB }
