package ssf

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// members are those of a JSON object, each once.
type members map[string]json.RawMessage

// bodyOf reads an object of at most limit bytes. An empty body is an empty object, and a
// request need not say that it is JSON: the specification's own examples do not.
func bodyOf(r *http.Request, limit int64) (members, error) {
	if len(r.Header.Values("Content-Type")) > 0 && !httpx.HasType(r, "application/json") {
		return nil, httpx.ErrMediaType
	}
	raw, err := httpx.ReadBody(r, limit)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return members{}, nil
	}
	var m map[string]json.RawMessage
	if err := httpx.UnmarshalJSON(raw, &m); err != nil {
		return nil, err
	}
	return m, nil
}

// take reads a member into target, as strictly as httpx.UnmarshalJSON; there reports
// whether it was sent.
func (m members) take(name string, target any) (there bool, err error) {
	raw, there := m[name]
	if !there {
		return false, nil
	}
	if err := httpx.UnmarshalJSON(raw, target); err != nil {
		f := fault.As(err)
		return true, fault.Wrap(err, f.Kind, f.Code, "%s", f.Detail).At("/" + name + f.Pointer)
	}
	return true, nil
}

// text reads a string that has to be there.
func (m members) text(name string) (text string, err error) {
	there, err := m.take(name, &text)
	if err == nil && (!there || text == "") {
		err = errMember(name, "is required")
	}
	return text, err
}

// errMember refuses a member.
func errMember(name, why string) error {
	return fault.New(fault.Invalid, "member_invalid", "%s %s", name, why).At("/" + name)
}

// write answers with JSON, or with nothing.
func write(w http.ResponseWriter, status int, answer any) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the peer may have gone
}
