package audit

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// typicalEntry is room for most entries, in bytes.
const typicalEntry = 640

// Canonical returns the bytes that an entry's digest covers: what encoding/json
// makes of the event, members in the order of the type, Data sorted by name. It is
// written out by hand because every issued token passes here.
func Canonical(e event.Event) []byte {
	b := make([]byte, 0, typicalEntry)
	b = append(b, `{"id":`...)
	b = appendText(b, e.ID)
	b = append(b, `,"type":`...)
	b = appendText(b, e.Type)
	b = append(b, `,"time":"`...)
	b = e.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","actor":`...)
	b = appendActor(b, e.Actor)
	b = append(b, `,"subject":`...)
	b = append(appendRef(b, e.Subject), '}')
	for i, ref := range e.Revokes {
		if i == 0 {
			b = append(b, `,"revokes":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(appendRef(b, ref), '}')
	}
	if len(e.Revokes) > 0 {
		b = append(b, ']')
	}
	return append(appendData(b, e.Data), '}')
}

func appendData(b []byte, data map[string]string) []byte {
	if len(data) == 0 {
		return b
	}
	for i, name := range slices.Sorted(maps.Keys(data)) {
		if i == 0 {
			b = append(b, `,"data":{`...)
		} else {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = appendText(b, data[name])
	}
	return append(b, '}')
}

func appendActor(b []byte, a identity.Actor) []byte {
	b = appendRef(b, a.Ref)
	if a.Address != "" {
		b = appendText(append(b, `,"address":`...), a.Address)
	}
	if a.Request != "" {
		b = appendText(append(b, `,"request":`...), a.Request)
	}
	return append(b, '}')
}

// appendRef leaves the object open.
func appendRef(b []byte, r identity.Ref) []byte {
	b = appendText(append(b, `{"kind":`...), string(r.Kind))
	return appendText(append(b, `,"id":`...), r.ID)
}

// appendText writes a JSON string. What needs an escape is left to encoding/json.
// What is not UTF-8 is replaced first, so that an entry which was read has the
// digest that it was written with.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, err := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
			if err != nil {
				panic(err) // a string always encodes
			}
			return append(b, escaped...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// Digest returns SHA-256 over Canonical.
func Digest(e event.Event) []byte { return DigestOf(Canonical(e)) }

// DigestOf is Digest of what Canonical returned.
func DigestOf(canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	return sum[:]
}
