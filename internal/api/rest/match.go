package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// tags is the form of If-Match: entity tags, of which weak ones never match.
var tags = regexp.MustCompile(`^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$`)

var errTags = fault.New(fault.Invalid, "precondition_malformed", "If-Match is an entity tag as ETag gave it, several with commas between them, or *").At("If-Match")

var errNoTag = fault.New(fault.Invalid, "precondition_unsupported", "what this changes has no entity tag: leave If-Match out").At("If-Match")

// unchanged refuses a change of what is not any more what the caller saw: the
// entity tag of the resource's GET (RFC 9110, section 13.1.1). The caller holds
// the lock on the resource.
func (e *Engine) unchanged(r *http.Request, rt *Route) error {
	wanted := strings.Join(r.Header.Values("If-Match"), ", ")
	if !tags.MatchString(wanted) {
		return errTags
	}
	get := e.find(http.MethodGet, rt.of())
	if get == nil || get.Do == nil {
		return errNoTag
	}
	v, err := get.Do(r)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return httpx.ErrPrecondition
		}
		return err
	}
	body, err := json.Marshal(tagged(v))
	if err != nil {
		return fmt.Errorf("encode %s: %w", get.ID, err)
	}
	if !matches(wanted, tagOf(body)) {
		return httpx.ErrPrecondition
	}
	return nil
}

// tagged is what of an answer its entity tag is made from: all of it, unless the
// answer says what of it changes by itself, at one replica and not at another.
func tagged(v any) any {
	if t, ok := v.(interface{ Tagged() any }); ok {
		return t.Tagged()
	}
	return v
}

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches reports whether a list of entity tags has this one, or is "*". A weak
// tag never matches: ours are strong.
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == tag || one == "*" {
			return true
		}
	}
	return false
}
