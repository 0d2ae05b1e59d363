package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAKilledBrokerKeepsWhatItAcknowledged(t *testing.T) {
	r := newReport(testOutput{t})
	r.begin("kills")
	if err := killSQLite(t.Context(), options{rounds: 3, writes: 200, workers: minWorkers}, r); err != nil {
		t.Fatal(err)
	}
	r.end()
	sum := r.sum()
	if r.failed() || r.total[kills] != 3 || r.total[acks] < 600 || !strings.Contains(sum, "audit whole") {
		t.Error(sum)
	}
}

// A harness that never complains proves nothing: here the ledger has what no
// broker ever did, and each of it must be found.
func TestWhatABrokerDidNotKeepIsReported(t *testing.T) {
	err := onStage(t.Context(), func(s *stage) error {
		address, err := s.Address()
		if err != nil {
			return err
		}
		r := newReport(io.Discard)
		r.begin("lies")
		p := s.Process("broker", address)
		w, err := s.open(p, options{workers: minWorkers}, r)
		if err != nil {
			return err
		}
		s.Cleanup(func() { _ = p.Stop() })
		if err := w.verify(t.Context()); err != nil || r.failed() {
			t.Errorf("control: %v, %s", err, r.sum())
		}
		lie(t, w)
		if err := w.verify(t.Context()); err != nil {
			return err
		}
		if r.total[lost] != 4 || r.total[twice] != 2 {
			t.Errorf("four things are lost and two are accepted that must not be: %s", r.sum())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lie writes into the ledger what is not so.
func lie(t *testing.T, w *load) {
	t.Helper()
	fine := func(context.Context) reply { return reply{status: http.StatusOK} }
	w.l.since["a-token-that-was-never-issued"] = true
	w.personFact("bob").want = "disabled"
	w.l.ended = append(w.l.ended, ended{"what still works", fine})
	w.l.proofs = append(w.l.proofs, used{"what works twice", fine})
	w.l.line(&family{grant: "none", current: "a-refresh-token-that-was-never-given", code: used{"a code", func(context.Context) reply {
		return reply{status: http.StatusBadRequest}
	}}})
	w.l.doubt(uncertain{func(ctx context.Context) reply {
		return w.asExpenseBot(ctx, "/token", map[string][]string{
			"grant_type": {"authorization_code"}, "code": {"a-code-that-was-never-given"}, "redirect_uri": {"http://127.0.0.1/"},
			"code_verifier": {strings.Repeat("v", 43)},
		})
	}})
}

// testOutput prints into a test's log.
type testOutput struct{ t *testing.T }

func (o testOutput) Write(b []byte) (int, error) {
	o.t.Log(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}
