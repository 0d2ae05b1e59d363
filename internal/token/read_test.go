package token

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// FuzzReadingIsThatOfJSON holds that what is read by hand is what encoding/json reads.
func FuzzReadingIsThatOfJSON(f *testing.F) {
	const good = `{"iss":"https://login.example","sub":"p","aud":"payroll","client_id":"desk","jti":"1","iat":1,"exp":301,"scope":"a b",` +
		`"roles":["user","admin"],"auth_time":1,"acr":"x","amr":["pwd"],"sid":"s","cnx":"acme","app":"app","gnt":"g","rev":7,"era":"e"}`
	for _, seed := range []string{
		good, `{}`, strings.Replace(good, `"acr"`, `"ACR"`, 1), strings.Replace(good, `301`, `0301`, 1), strings.Replace(good, `:7,`, `:-7,`, 1), strings.Replace(good, `301`, `301.0`, 1),
		strings.Replace(good, `"payroll"`, `["payroll"]`, 1), strings.Replace(good, `desk`, `d\u0065sk`, 1), strings.Replace(good, `"sid":"s"`, `"sid":null`, 1),
		strings.TrimSuffix(good, "}") + `,"act":{"sub":"desk"},"via":[]}`, good + " ", good + "}", `{"iss":"a",}`, `{,"iss":"a"}`, `{"iss":"a" "sub":"b"}`,
		`{"iss":"a","iss":"b"}`, `{"amr":[]}`, `{"amr":["a",]}`, `{"rev":18446744073709551615}`, `{"iat":9223372036854775808}`, `{"iat":}`, `{"iss":"` + "\x7f" + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var byHand, byJSON accessClaims
		if !byHand.scan(body) {
			return
		}
		if err := json.Unmarshal(body, &byJSON); err != nil {
			t.Fatalf("%q is read, and encoding/json refuses it: %v", body, err)
		}
		if !reflect.DeepEqual(byHand, byJSON) {
			t.Fatalf("%q is read as\n%+v, and by encoding/json as\n%+v", body, byHand, byJSON)
		}
	})
}

func TestWhatIsMintedIsReadWithoutReflection(t *testing.T) {
	var c accessClaims
	p := begin(nil)
	p.text("iss", "https://login.example")
	p.words("scope", []string{"a", "b"})
	p.list("roles", []string{"user"})
	p.number("rev", 7)
	p.time("exp", seconds(301))
	if !c.scan(p.end()) || c.Scope != "a b" || c.Rev != 7 || c.Expires != 301 || len(c.Roles) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsRememberedComesTwiceAndHasABound(t *testing.T) {
	k, now := &known{}, time.Unix(1000, 0)
	id := func(i int) (id [sha256.Size]byte) {
		binary.LittleEndian.PutUint64(id[:], uint64(i))
		return id
	}
	k.add(id(1), knownAccess{kid: "a"}, now)
	if _, ok := k.find(id(1)); ok {
		t.Error("what came once is remembered")
	}
	k.add(id(1), knownAccess{kid: "a"}, now)
	if a, ok := k.find(id(1)); !ok || a.kid != "a" {
		t.Error("control: what came twice is not")
	}
	for i := range 2 * maxKnown {
		good := knownAccess{claims: accessClaims{Expires: 1001}}
		k.add(id(i), good, now)
		k.add(id(i), good, now)
		if n := len(k.tokens); n > maxKnown {
			t.Fatalf("%d are remembered", n)
		}
	}
	last := knownAccess{claims: accessClaims{Expires: 5000}}
	for i := range maxKnown {
		k.add(id(-1-i), last, time.Unix(2000, 0))
		k.add(id(-1-i), last, time.Unix(2000, 0))
	}
	for i := range maxKnown / 2 {
		if _, ok := k.find(id(-1 - i)); !ok {
			t.Fatalf("one that is good was forgotten for others that have expired")
		}
	}
}
