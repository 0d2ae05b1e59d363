package sample

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// signalsPath is where the broker pushes signals to (RFC 8935).
const signalsPath = "/signals"

// How many signals a page shows, and how often it is tried to listen.
const (
	mostSignals = 10
	listenEvery = 100 * time.Millisecond
)

// Signal is one that came: what happened, whom it is about, and when.
type Signal struct {
	ID, Kind, Subject string
	Came              time.Time
}

// inbox takes the signals that are pushed to an app.
type inbox struct {
	o      Options
	secret string // the header that every push has
	keys   *oidc.RemoteKeySet

	mu        sync.Mutex
	came      []Signal // the newest first, each once
	listening bool
}

func newInbox(o Options) *inbox {
	return &inbox{o: o, secret: "Bearer " + rand.Text(), keys: oidc.NewRemoteKeySet(context.Background(), o.Issuer+"/jwks")}
}

// listen makes the app's stream, or has the one that it made before lead here. It tries
// until it can, or ctx ends.
func (in *inbox) listen(ctx context.Context) {
	for in.subscribe(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(listenEvery):
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.listening = true
}

// ready fails while there is no stream that leads here.
func (in *inbox) ready() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.listening {
		return errors.New("it does not listen to signals yet")
	}
	return nil
}

func (in *inbox) subscribe(ctx context.Context) error {
	token, err := in.token(ctx)
	if err != nil {
		return err
	}
	var streams []struct {
		ID string `json:"stream_id"`
	}
	if err := in.manage(ctx, token, http.MethodGet, nil, &streams); err != nil {
		return err
	}
	const caep, risc = "https://schemas.openid.net/secevent/caep/event-type/", "https://schemas.openid.net/secevent/risc/event-type/"
	stream := map[string]any{
		"description": in.o.Title, "events_requested": []string{caep + "session-revoked", caep + "credential-change", risc + "account-disabled", risc + "account-enabled"},
		"delivery": map[string]string{"method": "urn:ietf:rfc:8935", "endpoint_url": in.o.BaseURL + signalsPath, "authorization_header": in.secret},
	}
	if len(streams) == 0 {
		return in.manage(ctx, token, http.MethodPost, stream, nil)
	}
	stream["stream_id"] = streams[0].ID
	return in.manage(ctx, token, http.MethodPut, stream, nil)
}

// token gets a token for the broker's signals.
func (in *inbox) token(ctx context.Context) (string, error) {
	res, err := in.o.post(ctx, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"ssf.manage"}})
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer); err != nil || answer.Token == "" {
		return "", errors.Join(fmt.Errorf("listen: the broker answers %d", res.StatusCode), err)
	}
	return answer.Token, nil
}

// manage asks the broker's API of streams.
func (in *inbox) manage(ctx context.Context, token, method string, body, answer any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, in.o.Issuer+"/ssf/stream", bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("listen: the broker answers %d", res.StatusCode)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// take is where signals are pushed to.
func (in *inbox) take(w http.ResponseWriter, r *http.Request) {
	refuse := func(code, why string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"err": code, "description": why}) // the peer may have gone
	}
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(in.secret)) != 1 {
		refuse("authentication_failed", "the header Authorization is not the one that was agreed on")
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil {
		refuse("invalid_request", "it could not be read")
		return
	}
	came, err := in.verify(r.Context(), string(raw))
	if err != nil {
		refuse("invalid_request", err.Error())
		return
	}
	in.keep(came)
	w.WriteHeader(http.StatusAccepted)
}

// verify checks a security event token (RFC 8417).
func (in *inbox) verify(ctx context.Context, raw string) (Signal, error) {
	head, _, _ := strings.Cut(raw, ".")
	var header struct {
		Typ string `json:"typ"`
	}
	if text, err := base64.RawURLEncoding.DecodeString(head); err != nil || json.Unmarshal(text, &header) != nil || header.Typ != "secevent+jwt" {
		return Signal{}, errors.New("it is another type of token")
	}
	payload, err := in.keys.VerifySignature(ctx, raw)
	if err != nil {
		return Signal{}, errors.New("its signature is not good")
	}
	var set struct {
		Issuer   string                     `json:"iss"`
		Audience string                     `json:"aud"`
		ID       string                     `json:"jti"`
		Subject  json.RawMessage            `json:"sub_id"`
		Events   map[string]json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(payload, &set); err != nil || set.Issuer != in.o.Issuer || set.Audience != in.o.ClientID || set.ID == "" || len(set.Events) != 1 {
		return Signal{}, errors.New("it is not for this receiver")
	}
	s := Signal{ID: set.ID, Subject: string(set.Subject), Came: in.o.Now()}
	for uri := range set.Events {
		s.Kind = uri[strings.LastIndex(uri, "/")+1:]
	}
	return s, nil
}

// keep notes a signal that did not come before.
func (in *inbox) keep(came Signal) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range in.came {
		if s.ID == came.ID {
			return
		}
	}
	in.came = append([]Signal{came}, in.came[:min(len(in.came), mostSignals-1)]...)
}

func (in *inbox) newest() []Signal {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]Signal(nil), in.came...)
}
