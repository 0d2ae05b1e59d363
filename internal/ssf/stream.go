package ssf

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// mostBody bounds the body of a request for management, in bytes.
const mostBody = 64 << 10

// stream is a stream's configuration as receivers see it (SSF 1.0, section 8.1.1). The
// header that pushes carry is a secret of the receiver's, and never shown.
type stream struct {
	ID          string   `json:"stream_id"`
	Issuer      string   `json:"iss"`
	Audience    string   `json:"aud"`
	Supported   []string `json:"events_supported"`
	Requested   []string `json:"events_requested"`
	Delivered   []string `json:"events_delivered"`
	Delivery    delivery `json:"delivery"`
	VerifyEvery int      `json:"min_verification_interval"` // seconds
	Description string   `json:"description,omitempty"`
}

type delivery struct {
	Method        string `json:"method"`
	Endpoint      string `json:"endpoint_url,omitempty"`
	Authorization string `json:"authorization_header,omitempty"`
}

// shown is a stream as its receiver sees it.
func (t *Transmitter) shown(s signal.Stream) stream {
	d := delivery{Method: s.Method, Endpoint: s.Endpoint}
	if s.Method == signal.Poll {
		d.Endpoint = t.pollEndpoint(s.ID)
	}
	return stream{
		ID: s.ID, Issuer: t.o.Issuer, Audience: s.Client, Supported: signal.Supported(), Requested: s.Requested, Delivered: s.DeliveredTypes(),
		Delivery: d, VerifyEvery: int(signal.VerifyEvery.Seconds()), Description: s.Description,
	}
}

func (t *Transmitter) pollEndpoint(id string) string { return t.o.Issuer + "/ssf/poll/" + id }

func (t *Transmitter) create(r *http.Request, by caller) (int, any, error) {
	m, err := bodyOf(r, mostBody)
	if err != nil {
		return 0, nil, err
	}
	settings, err := t.settings(m, signal.Settings{Delivery: signal.Delivery{Method: signal.Poll}}, "")
	if err != nil {
		return 0, nil, err
	}
	made, err := t.o.Streams.Create(r.Context(), by.client, settings, by.actor)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, t.shown(made), nil
}

// settings are those of the members over what was there before. id is the stream's,
// empty for a new one.
func (t *Transmitter) settings(m members, over signal.Settings, id string) (signal.Settings, error) {
	if _, err := m.take("events_requested", &over.Requested); err != nil {
		return over, err
	}
	if _, err := m.take("description", &over.Description); err != nil {
		return over, err
	}
	raw, there := m["delivery"]
	if !there {
		return over, nil
	}
	var inner map[string]json.RawMessage
	if err := httpx.UnmarshalJSON(raw, &inner); err != nil {
		return over, errMember("delivery", "must be an object")
	}
	over.Delivery = signal.Delivery{}
	for name, target := range map[string]*string{
		"method": &over.Delivery.Method, "endpoint_url": &over.Delivery.Endpoint, "authorization_header": &over.Delivery.Authorization,
	} {
		if _, err := members(inner).take(name, target); err != nil {
			f := fault.As(err)
			return over, fault.Wrap(err, f.Kind, f.Code, "%s", f.Detail).At("/delivery" + f.Pointer)
		}
	}
	if id != "" && over.Delivery.Method == signal.Poll && over.Delivery.Endpoint == t.pollEndpoint(id) {
		over.Delivery.Endpoint = "" // what we gave comes back
	}
	return over, nil
}

func (t *Transmitter) read(r *http.Request, by caller) (int, any, error) {
	id, err := streamID(r, false)
	if err != nil {
		return 0, nil, err
	}
	if id != "" {
		found, err := t.o.Streams.Get(r.Context(), by.client, id)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, t.shown(found), nil
	}
	all, err := t.o.Streams.List(r.Context(), by.client)
	if err != nil {
		return 0, nil, err
	}
	list := make([]stream, len(all))
	for i, s := range all {
		list[i] = t.shown(s)
	}
	return http.StatusOK, list, nil
}

// streamID takes the stream_id out of the query, where there is nothing else to say.
func streamID(r *http.Request, required bool) (string, error) {
	var q url.Values
	q, err := httpx.Query(r)
	if err != nil {
		return "", err
	}
	id := q.Get("stream_id")
	if id == "" && (required || q.Has("stream_id")) {
		return "", errMember("stream_id", "is required")
	}
	return id, nil
}

// update changes the members that are sent (SSF 1.0, section 8.1.1.3).
func (t *Transmitter) update(r *http.Request, by caller) (int, any, error) {
	return t.configure(r, by, func(old signal.Stream) (signal.Settings, error) {
		authorization, err := t.o.Streams.Authorization(old)
		return signal.Settings{
			Requested: old.Requested, Description: old.Description,
			Delivery: signal.Delivery{Method: old.Method, Endpoint: old.Endpoint, Authorization: authorization},
		}, err
	})
}

// replace takes what is not sent for its default (section 8.1.1.4).
func (t *Transmitter) replace(r *http.Request, by caller) (int, any, error) {
	return t.configure(r, by, func(signal.Stream) (signal.Settings, error) {
		return signal.Settings{Delivery: signal.Delivery{Method: signal.Poll}}, nil
	})
}

func (t *Transmitter) configure(r *http.Request, by caller, base func(signal.Stream) (signal.Settings, error)) (int, any, error) {
	m, err := bodyOf(r, mostBody)
	if err != nil {
		return 0, nil, err
	}
	id, err := m.text("stream_id")
	if err != nil {
		return 0, nil, err
	}
	changed, err := t.o.Streams.Configure(r.Context(), by.client, id, by.actor, func(old signal.Stream) (signal.Settings, error) {
		if err := t.unchanged(m, t.shown(old)); err != nil {
			return signal.Settings{}, err
		}
		over, err := base(old)
		if err != nil {
			return over, err
		}
		return t.settings(m, over, id)
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, t.shown(changed), nil
}

// unchanged refuses members that are ours and come back as something else.
func (t *Transmitter) unchanged(m members, is stream) error {
	var issuer string
	if there, err := m.take("iss", &issuer); err != nil || there && issuer != is.Issuer {
		return errMember("iss", "is ours and cannot be changed")
	}
	var audience []string
	var one string
	if _, there := m["aud"]; there {
		if _, err := m.take("aud", &audience); err != nil {
			if _, err := m.take("aud", &one); err != nil {
				return err
			}
			audience = []string{one}
		}
		if !slices.Equal(audience, []string{is.Audience}) {
			return errMember("aud", "is ours and cannot be changed")
		}
	}
	for name, want := range map[string][]string{"events_supported": is.Supported, "events_delivered": is.Delivered} {
		var sent []string
		if there, err := m.take(name, &sent); err != nil || there && !sameSet(sent, want) {
			return errMember(name, "is ours and cannot be changed")
		}
	}
	var interval int
	if there, err := m.take("min_verification_interval", &interval); err != nil || there && interval != is.VerifyEvery {
		return errMember("min_verification_interval", "is ours and cannot be changed")
	}
	return nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func (t *Transmitter) remove(r *http.Request, by caller) (int, any, error) {
	id, err := streamID(r, true)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, t.o.Streams.Delete(r.Context(), by.client, id, by.actor)
}

// status is what a stream does with events (SSF 1.0, section 8.1.2).
type status struct {
	ID     string        `json:"stream_id"`
	Status signal.Status `json:"status"`
	Reason string        `json:"reason,omitempty"`
}

func (t *Transmitter) status(r *http.Request, by caller) (int, any, error) {
	id, err := streamID(r, true)
	if err != nil {
		return 0, nil, err
	}
	s, err := t.o.Streams.Get(r.Context(), by.client, id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, status{s.ID, s.Status, s.Reason}, nil
}

func (t *Transmitter) setStatus(r *http.Request, by caller) (int, any, error) {
	m, err := bodyOf(r, mostBody)
	if err != nil {
		return 0, nil, err
	}
	id, err := m.text("stream_id")
	if err != nil {
		return 0, nil, err
	}
	to, err := m.text("status")
	if err != nil {
		return 0, nil, err
	}
	var reason string
	if _, err := m.take("reason", &reason); err != nil {
		return 0, nil, err
	}
	s, err := t.o.Streams.SetStatus(r.Context(), by.client, id, signal.Status(to), reason, by.actor)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, status{s.ID, s.Status, s.Reason}, nil
}

func (t *Transmitter) verify(r *http.Request, by caller) (int, any, error) {
	m, err := bodyOf(r, mostBody)
	if err != nil {
		return 0, nil, err
	}
	id, err := m.text("stream_id")
	if err != nil {
		return 0, nil, err
	}
	var state string
	if _, err := m.take("state", &state); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, t.o.Streams.Verify(r.Context(), by.client, id, state, by.actor)
}
