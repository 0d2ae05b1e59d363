package oidc

import (
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/job"
)

// A process may die between an app's answer and the note of it: the app is told again, and
// knows that it heard this before.
func TestALogoutTokenThatIsSentAgainHasTheSameID(t *testing.T) {
	first := job.Job{Queue: grant.LogoutQueue, Key: "session/client", Attempt: 1}
	id := logoutID(first)
	with := func(change func(*job.Job)) string { j := first; change(&j); return logoutID(j) }
	if len(id) < 20 || with(func(j *job.Job) { j.Attempt = 2 }) != id ||
		with(func(j *job.Job) { j.Attempt, j.LastError = 3, "deliver logout: the app answers 503" }) != id {
		t.Error("another id for the same logout")
	}
	// What the app refuses as heard before would be refused for ever.
	refused := with(func(j *job.Job) { j.Attempt, j.LastError = 2, errLogoutRefused.Error() })
	again := with(func(j *job.Job) { j.Attempt, j.LastError = 3, errLogoutRefused.Error() })
	if refused == id || again == id || again == refused {
		t.Error("after a refusal: the same id")
	}
	if with(func(j *job.Job) { j.Key = "session/other" }) == id {
		t.Error("the id of another logout")
	}
}
