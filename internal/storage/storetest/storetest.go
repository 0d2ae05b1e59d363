// Package storetest is what every Store must do on every engine, as tests that
// run on each. A part of it that stands alone makes its own rows, so that the
// order does not matter.
package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// Now is the time at which the suite writes. Engines keep microseconds.
var Now = time.Date(2026, 11, 24, 9, 0, 0, 123456000, time.UTC)

var (
	now   = Now
	actor = identity.System("test")
)

// Run runs the suite on an open database. Its Options.OutboxTypes must contain
// session.ended, and its clock must stand at Now.
func Run(t *testing.T, db *storage.DB) {
	t.Run("two first sign-ins make one person", func(t *testing.T) { signInRace(t, db) })
	t.Run("subjects compare byte by byte", func(t *testing.T) { exactSubjects(t, db) })
	t.Run("a person is known by connection and subject", func(t *testing.T) { connectionsApart(t, db) })
	t.Run("a code is redeemed once and its replay revokes", func(t *testing.T) { codeOnce(t, db) })
	t.Run("of two refreshes one wins and the family ends", func(t *testing.T) { refreshRace(t, db) })
	t.Run("a refused rotation costs nothing", func(t *testing.T) { refusalIsFree(t, db) })
	t.Run("a family dies with its session unless it is offline", func(t *testing.T) { familyAndSession(t, db) })
	t.Run("consent is kept per person and app", func(t *testing.T) { consents(t, db) })
	t.Run("access is taken away from one app", func(t *testing.T) { withdrawn(t, db) })
	t.Run("revoking a person ends what carries them", func(t *testing.T) { personEnds(t, db) })
	t.Run("losing an app ends what the person has there", func(t *testing.T) { installEnds(t, db) })
	t.Run("revocation numbers have no gap", func(t *testing.T) { gapless(t, db) })
	t.Run("what was revoked since a time", func(t *testing.T) { raisedSince(t, db) })
	t.Run("the audit log verifies and shows a change", func(t *testing.T) { auditWhole(t, db) })
	t.Run("sessions whose time is over are found", func(t *testing.T) { expired(t, db) })
	t.Run("sessions are found by what the upstream calls their person", func(t *testing.T) { named(t, db) })
	t.Run("what ended long ago is pruned", func(t *testing.T) { pruned(t, db) })
	t.Run("people are found by words and filters, in every order", func(t *testing.T) { peopleFound(t, db) })
	t.Run("a cursor is good for its own list", func(t *testing.T) { badCursors(t, db) })
	t.Run("pages hold while people come", func(t *testing.T) { pagesUnderInserts(t, db) })
	t.Run("one of a long list is found by its id", func(t *testing.T) { oneFound(t, db) })
	t.Run("members of groups follow sign-ins", func(t *testing.T) { membersFollowSignIns(t, db) })
	t.Run("joins at once are all counted", func(t *testing.T) { joinsAtOnce(t, db) })
	t.Run("groups are found by words and filters, in every order", func(t *testing.T) { groupsFound(t, db) })
	t.Run("apps are found by everything at once, in every order", func(t *testing.T) { appsFound(t, db) })
	t.Run("apps are told apart by their versions and read by their ids", func(t *testing.T) { appsByID(t, db) })
	t.Run("whoever gets a client_id or an audience that was given up is not meant by what others said of it", func(t *testing.T) { appsFreed(t, db) })
	t.Run("sessions are found across people", func(t *testing.T) { sessionsFound(t, db) })
	t.Run("what apps hold is found across people", func(t *testing.T) { accessFound(t, db) })
	t.Run("who has a role is found by assignment and group", func(t *testing.T) { holdersFound(t, db) })
	t.Run("the last admin stays", func(t *testing.T) { lastAdminStays(t, db) })
	t.Run("the audit log is searched by everything at once", func(t *testing.T) { auditFound(t, db) })
	t.Run("new seals are verified as they come", func(t *testing.T) { checkedAsSealed(t, db) })
	t.Run("activity is counted once", func(t *testing.T) { activityExact(t, db) })
	t.Run("exchanged tokens are found by what they have to do with", func(t *testing.T) { nodesFound(t, db) })
	t.Run("events in the outbox are looked after", func(t *testing.T) { outboxTended(t, db) })
	t.Run("jobs are looked after", func(t *testing.T) { jobsTended(t, db) })
	t.Run("what was given up is found by whom it was to tell and of what, and tried again", func(t *testing.T) { untoldRetried(t, db) })
	t.Run("a job is one caller's until its lease ends", func(t *testing.T) { jobLease(t, db) })
	t.Run("of several decisions on a change one counts", func(t *testing.T) { decidedOnce(t, db) })
	t.Run("changes that wait are listed", func(t *testing.T) { waitingChanges(t, db) })
	t.Run("an idempotency key is one caller's and keeps its answer", func(t *testing.T) { claimedOnce(t, db) })
	t.Run("what a switch would hit is counted", func(t *testing.T) { hits(t, db) })
	t.Run("the consequences of a revocation are followed", func(t *testing.T) { revocationFollowed(t, db) })
	t.Run("a session keeps what an app was told first", func(t *testing.T) { attended(t, db) })
	t.Run("keys for SAML and for tokens never meet", func(t *testing.T) { samlKeysApart(t, db) })
	t.Run("a lock is one holder's", func(t *testing.T) { lockShared(t, db) })
	t.Run("connections are kept, also those that were removed", func(t *testing.T) { connectionsKept(t, db) })
	t.Run("connections are changed one by one", func(t *testing.T) { connectionsChangedOneByOne(t, db) })
	t.Run("traces are found until they expire", func(t *testing.T) { tracesFound(t, db) })
	t.Run("of many traces of a connection the newest are kept", func(t *testing.T) { tracesBounded(t, db) })
	t.Run("streams of signals are kept and found", func(t *testing.T) { streamsKept(t, db) })
	t.Run("signals are settled once and dropped by number and age", func(t *testing.T) { setsDelivered(t, db) })
	t.Run("a stream holds signals while it is paused and none while it is disabled", func(t *testing.T) { streamsSwitched(t, db) })
	t.Run("a stream is one pusher's until its lease ends", func(t *testing.T) { streamsClaimed(t, db) })
	t.Run("the streams of a client take turns", func(t *testing.T) { streamsTakeTurns(t, db) })
	t.Run("a client has no more streams than it may, also when they are made at once", func(t *testing.T) { streamsCounted(t, db) })
	t.Run("whom signals are about is noted", func(t *testing.T) { subjectsNoted(t, db) })
	t.Run("who is signed in to a client is a subject of its first stream", func(t *testing.T) { signedInAreSubjects(t, db) })
	t.Run("of two who export the audit log one moves on", func(t *testing.T) { exported(t, db) })
	t.Run("issued tokens are the same by hours and by days", func(t *testing.T) { daysSummed(t, db) })
	t.Run("users of a connection are its own", func(t *testing.T) { usersKept(t, db) })
	t.Run("who leaves over SCIM is out, and back without anything", func(t *testing.T) { leaversLeave(t, db) })
	t.Run("no record shuts out an administrator", func(t *testing.T) { adminsComeIn(t, db) })
	t.Run("an external id that changes hands makes nobody of another", func(t *testing.T) { namesMoveOn(t, db) })
	t.Run("members are changed as a set", func(t *testing.T) { membersAreASet(t, db) })
	t.Run("groups are within groups, and not within themselves", func(t *testing.T) { groupsNest(t, db) })
	t.Run("filters find what they say", func(t *testing.T) { filtersFind(t, db) })
	t.Run("records are paged in every order", func(t *testing.T) { recordsPaged(t, db) })
	t.Run("who takes away too much is halted, and can be undone", func(t *testing.T) { guardHalts(t, db) })
	t.Run("a group is not emptied at once", func(t *testing.T) { groupsGuarded(t, db) })
	t.Run("the protected are not touched", func(t *testing.T) { protectedStay(t, db) })
	t.Run("a connection has two SCIM tokens", func(t *testing.T) { scimTokens(t, db) })
	t.Run("SCIM operations are listed", func(t *testing.T) { operationsListed(t, db) })
	t.Run("many records are made at once", func(t *testing.T) { batchesMade(t, db) })
	t.Run("who arrives meets who waits", func(t *testing.T) { arrivalsMeet(t, db) })
	t.Run("who is called what a group waits for is in it", func(t *testing.T) { renamesMeet(t, db) })
	t.Run("who is last to change a member counts", func(t *testing.T) { replacementsHold(t, db) })
}

// Fill puts people, sessions, codes and refresh families into a database, three of
// each, and a user and a group of a SCIM connection, for tests of what moves whole
// tables. It returns one of the families.
func Fill(t *testing.T, db *storage.DB) (family string) {
	t.Helper()
	for i := range 3 {
		if _, err := signIn(t.Context(), db, fmt.Sprintf("Zoë \"%d\"\x01\u2028", i)); err != nil {
			t.Fatal(err)
		}
		family, _ = redeem(t, db, subject(t, db), i%2 == 0)
	}
	p := pusher(t, db, "filled")
	u := p.user("Zoë", "e-zoë", map[string]any{
		"name": map[string]any{"givenName": "Zoë"}, "emails": []any{map[string]any{"value": "zoe@acme.example", "primary": true}},
	})
	p.group("Everybody", "", u.ID)
	return family
}
