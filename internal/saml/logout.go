package saml

import (
	"cmp"
	"encoding/xml"
	"strings"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// logoutLife is how long a LogoutRequest of ours is good.
const logoutLife = 5 * time.Minute

// maxIndexes bounds the sessions that one LogoutRequest names.
const maxIndexes = 100

// The status codes of a LogoutResponse (core, section 3.2.2.2).
const (
	Success   = "urn:oasis:names:tc:SAML:2.0:status:Success"
	Responder = "urn:oasis:names:tc:SAML:2.0:status:Responder"
)

// LogoutRequest asks to end sessions (core, section 3.7.1). Read, it says whose and which.
type LogoutRequest struct {
	ID, EntityID, Destination string
	Issued                    time.Time
	NotOnOrAfter              time.Time
	Session                   identity.UpstreamSession
	// Indexes are the sessions meant, all when it names none.
	Indexes []string
}

// Element returns the request as XML, unsigned.
func (r LogoutRequest) Element() *etree.Element {
	due := instant(r.Issued.Add(logoutLife))
	lib := &samllib.LogoutRequest{
		ID: r.ID, Version: "2.0", IssueInstant: instant(r.Issued), NotOnOrAfter: &due, Destination: r.Destination, Issuer: issuer(r.EntityID),
		NameID: &samllib.NameID{Value: r.Session.Name, Format: r.Session.Format, NameQualifier: r.Session.Qualifier, SPNameQualifier: r.Session.SPQualifier},
	}
	if r.Session.Index != "" {
		lib.SessionIndex = &samllib.SessionIndex{Value: r.Session.Index}
	}
	return lib.Element()
}

// LogoutResponse answers a LogoutRequest (core, section 3.7.2).
type LogoutResponse struct {
	ID, EntityID, Destination, InResponseTo string
	Issued                                  time.Time
	Status                                  string
}

// Element returns the response as XML, unsigned.
func (r LogoutResponse) Element() *etree.Element {
	lib := &samllib.LogoutResponse{
		ID: r.ID, Version: "2.0", IssueInstant: instant(r.Issued), Destination: r.Destination, InResponseTo: r.InResponseTo, Issuer: issuer(r.EntityID),
		Status: samllib.Status{StatusCode: samllib.StatusCode{Value: r.Status}},
	}
	return lib.Element()
}

// ExpectLogout is what a message about signing out must fit.
type ExpectLogout struct {
	// Issuer is the other party's entity id, Destination our address.
	Issuer, Destination string
	// Request is the id of the LogoutRequest that a response answers.
	Request string
	Now     time.Time
	Skew    time.Duration
}

// logoutNames is what of a LogoutRequest crewjam's types do not hold.
type logoutNames struct {
	NameIDs []struct{} `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
	Indexes []string   `xml:"urn:oasis:names:tc:SAML:2.0:protocol SessionIndex"`
}

// ReadLogoutRequest checks a LogoutRequest that the gate let in signed, and notes
// every check. The error is that of the first that failed.
func ReadLogoutRequest(m xmlgate.Message, e ExpectLogout, findings *identity.Findings) (LogoutRequest, error) {
	i := &inspection{findings: findings}
	var lib samllib.LogoutRequest
	var names logoutNames
	if err := cmp.Or(xml.Unmarshal(m.Envelope, &lib), xml.Unmarshal(m.Envelope, &names)); err != nil {
		return LogoutRequest{}, unreadable(err, "a LogoutRequest")
	}
	i.logout(lib.Version, lib.Issuer, lib.Destination, lib.IssueInstant, e)
	due := earliest(deref(lib.NotOnOrAfter), lib.IssueInstant.Add(maxAge))
	i.check(e.Now.Before(due.Add(e.Skew)), ErrExpired, "a time after "+stamp(e.Now), stamp(due))
	named := len(names.NameIDs) == 1 && lib.NameID != nil && strings.TrimSpace(lib.NameID.Value) != "" && len(names.Indexes) <= maxIndexes
	if !i.check(named, ErrName, "one NameID, and at most 100 sessions", "another number") || i.failed != nil {
		return LogoutRequest{}, i.failed
	}
	r := LogoutRequest{
		ID: lib.ID, EntityID: e.Issuer, Destination: lib.Destination, Issued: lib.IssueInstant, NotOnOrAfter: due,
		Session: identity.UpstreamSession{Name: strings.TrimSpace(lib.NameID.Value), Format: lib.NameID.Format, Qualifier: lib.NameID.NameQualifier, SPQualifier: lib.NameID.SPNameQualifier},
	}
	for _, index := range names.Indexes {
		r.Indexes = append(r.Indexes, strings.TrimSpace(index))
	}
	return r, nil
}

// ReadLogoutResponse checks a LogoutResponse that the gate let in signed, and notes
// every check. The error is that of the first that failed.
func ReadLogoutResponse(m xmlgate.Message, e ExpectLogout, findings *identity.Findings) error {
	i := &inspection{findings: findings}
	var lib samllib.LogoutResponse
	if err := xml.Unmarshal(m.Envelope, &lib); err != nil {
		return unreadable(err, "a LogoutResponse")
	}
	i.logout(lib.Version, lib.Issuer, lib.Destination, lib.IssueInstant, e)
	i.check(lib.InResponseTo == e.Request, ErrInResponseTo, e.Request, cmp.Or(lib.InResponseTo, "none"))
	i.check(lib.Status.StatusCode.Value == Success, ErrStatus, Success, lib.Status.StatusCode.Value)
	return i.failed
}

// logout checks what both have.
func (i *inspection) logout(version string, issuer *samllib.Issuer, destination string, issued time.Time, e ExpectLogout) {
	i.check(version == "2.0", ErrVersion, "2.0", version)
	from := ""
	if issuer != nil {
		from = strings.TrimSpace(issuer.Value)
	}
	i.check(from == e.Issuer, ErrIssuer, e.Issuer, cmp.Or(from, "none"))
	i.check(destination == e.Destination, ErrDestination, e.Destination, cmp.Or(destination, "none"))
	i.check(issued.After(e.Now.Add(-maxAge-e.Skew)) && !issued.After(e.Now.Add(e.Skew)), ErrIssueInstant, "within "+maxAge.String()+" of "+stamp(e.Now), stamp(issued))
}

func unreadable(err error, expected string) error {
	return identity.Refuse(fault.Wrap(err, ErrMalformed.Kind, ErrMalformed.Code, "%s", ErrMalformed.Detail), "malformed", expected, "")
}

func deref(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
