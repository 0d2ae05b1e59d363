package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// gaveUp puts a job into the database that was given up.
func gaveUp(t *testing.T, db *storage.DB, id, queue, key string) {
	t.Helper()
	later := time.Now().Add(time.Hour)
	err := db.Jobs().Enqueue(t.Context(), []job.Job{{ID: id, Queue: queue, Key: key, Payload: []byte("p"), RunAt: later, Deadline: later}})
	if err := errors.Join(err, db.Jobs().Bury(t.Context(), id, "no answer")); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasGivenUpIsTriedAgainByAppStreamAndRevocation(t *testing.T) {
	b, _ := published(t)
	signedIn(t, b.db, "one")
	var of struct{ ID string }
	if _, answer := both(t, b, http.MethodPost, "/revocations/session/one", `{"reason":"lost device"}`); json.Unmarshal([]byte(answer), &of) != nil || of.ID == "" {
		t.Fatal(answer)
	}
	stream := signal.Stream{ID: "stream", Client: "payroll-api", App: "payroll", Method: signal.Poll, Status: signal.Enabled, Created: time.Now()}
	if err := b.db.CreateStream(t.Context(), stream, 1, nil); err != nil {
		t.Fatal(err)
	}
	gaveUp(t, b.db, "app", grant.LogoutQueue, "another/microapp-hr-feedback")
	gaveUp(t, b.db, "revocation", grant.LogoutQueue, "one/someone")
	gaveUp(t, b.db, "stream", signal.RefusedQueue, "stream/jti/1")
	for _, c := range []struct{ list, retry string }{
		{"client=microapp-hr-feedback", "/apps/hr-feedback/deliveries/retry"}, {"stream=stream", "/streams/stream/retry"}, {"revocation=" + of.ID, "/revocations/" + of.ID + "/retry"},
	} {
		var page struct{ Items []struct{ ID string } }
		list := "/jobs?state=buried&" + c.list
		if _, answer := both(t, b, http.MethodGet, list, ""); json.Unmarshal([]byte(answer), &page) != nil || len(page.Items) != 1 {
			t.Errorf("%s: %s", list, answer)
		}
		for _, want := range []string{`{"retried":1}`, `{"retried":0}`} {
			if status, answer := both(t, b, http.MethodPost, c.retry, ""); status != http.StatusOK || answer != want+"\n" {
				t.Errorf("%s: %d %s, want %s", c.retry, status, answer, want)
			}
		}
	}
	if status, answer := both(t, b, http.MethodPost, "/streams/stream/disable", ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	for path, want := range map[string]int{
		"/streams/stream/retry": http.StatusBadRequest, "/streams/none/retry": http.StatusNotFound, "/apps/none/deliveries/retry": http.StatusNotFound, "/revocations/none/retry": http.StatusNotFound,
	} {
		if status, answer := both(t, b, http.MethodPost, path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}
