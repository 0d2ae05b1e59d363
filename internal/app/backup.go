package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// BackupWhole is the trailer of a backup that was sent to its end.
const BackupWhole = "Gatehouse-Backup-Whole"

// backupPause is how long who takes a backup may take nothing: rows that were read
// for them are kept meanwhile.
const backupPause = time.Minute

// backup sends an encrypted backup over the Unix socket: POST /backup, with public
// keys of further readers as parameters recipient. It is on no network: who has the
// backup has every row.
func (p *parts) backup(w http.ResponseWriter, r *http.Request) {
	recipients, err := backup.Recipients(r.URL.Query()["recipient"])
	if err == nil {
		operator := p.actor(r)
		err = p.trail.Record(r.Context(), event.New(p.now(), "backup.taken", operator, identity.Ref{Kind: identity.KindSystem, ID: "database"}))
	}
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // there is nothing more to read
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Trailer", BackupWhole)
	counts, err := dump(r.Context(), p.db, &patient{w, control}, p.vault, recipients)
	if err != nil {
		p.log.ErrorContext(r.Context(), "backup broken off", slog.Any("error", err))
		panic(http.ErrAbortHandler) // so that nobody takes what was sent for a backup
	}
	w.Header().Set(BackupWhole, "true")
	p.log.InfoContext(r.Context(), "backup taken", slog.Int64("rows", total(counts)))
}

// actor is who asks over the Unix socket.
func (p *parts) actor(r *http.Request) identity.Actor {
	return httpx.Actor(r, identity.Ref{Kind: identity.KindOperator, ID: "local"})
}

// patient waits for its reader anew with every write.
type patient struct {
	io.Writer
	control *http.ResponseController
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(backupPause)) // where it cannot be set, the server's own counts
	return p.Writer.Write(b)
}

func dump(ctx context.Context, db *storage.DB, w io.Writer, vault backup.Vault, recipients []backup.Recipient) (backup.Counts, error) {
	sealed, err := backup.Seal(w, vault, recipients...)
	if err != nil {
		return nil, err
	}
	_, counts, err := db.Dump(ctx, sealed)
	return counts, errors.Join(err, sealed.Close())
}

func total(counts backup.Counts) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// Backup writes an encrypted backup while no broker runs on the data directory.
func Backup(ctx context.Context, cfg config.Config, to []string, w io.Writer) error {
	recipients, err := backup.Recipients(to)
	if err != nil {
		return err
	}
	lock, err := lockDataDir(cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // the process ends
	vault, err := newVault(cfg)
	if err != nil {
		return err
	}
	db, err := storage.Open(ctx, stored(cfg))
	if err != nil {
		return err
	}
	_, err = dump(ctx, db, w, vault, recipients)
	return errors.Join(err, db.Close())
}
