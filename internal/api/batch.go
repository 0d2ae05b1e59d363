package api

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// maxBatch bounds a folder of manifests, in bytes: what the edge lets through.
const maxBatch = 4 << 20

// batch is what POST /apps:import takes: manifests, or client metadata, as they
// were written. Data is base64, as encoding/json has it.
type batch struct {
	Files []catalog.File `json:"files"`
	// Folder and Prune are those of catalog.Batch.
	Folder bool `json:"folder"`
	Prune  bool `json:"prune"`
}

// imported is the answer to a batch.
type imported struct {
	Applied []applied `json:"applied"`
	Removed []string  `json:"removed"`
}

// applyBatch applies several files, or nothing when one of them is bad.
func (a *API) applyBatch(r *http.Request) (any, error) {
	var b batch
	body := io.LimitReader(r.Body, maxBatch)
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "batch_unreadable", "the body is not a batch of files in JSON of at most %d bytes", maxBatch)
	}
	report, err := a.o.Apps.ApplyFiles(r.Context(), b.Files, catalog.Batch{Folder: b.Folder, Prune: b.Prune}, a.actor(r))
	answer := imported{Applied: []applied{}, Removed: append([]string{}, report.Removed...)}
	for _, result := range report.Applied {
		answer.Applied = append(answer.Applied, answered(result.App, result.Outcome, result.Secret))
	}
	return answer, err
}

// answered tells of an app and of what keeps it from being used.
func answered(app catalog.App, outcome catalog.Outcome, secret string) applied {
	return applied{App: app, Outcome: outcome, Secret: secret, Missing: app.Manifest.Missing()}
}
