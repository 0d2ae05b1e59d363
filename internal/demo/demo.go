// Package demo plays everybody but the broker: an OpenID provider ("Acme
// Workforce") and a SAML identity provider ("Partner Corp") with named people in
// named groups, and sample apps that are real relying parties on independent client
// libraries. All of it listens on
// loopback only, and each party has cookie names of its own, since ports share
// cookies.
//
// The order is New (addresses, keys, the identity provider), then the broker is
// started with ConfigFile and Listener, then Populate (apps are applied over the
// broker's API and started), then Facts and Check say what there is and whether
// it works. Everything is kept under the data directory, so that a restart finds
// the same people, keys and secrets.
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"text/template"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
	"github.com/gatehouse-io/gatehouse/internal/demo/partner"
	"github.com/gatehouse-io/gatehouse/internal/demo/sample"
	"github.com/gatehouse-io/gatehouse/internal/demo/staff"
)

//go:embed broker.yaml.tmpl
var brokerText string

var brokerTemplate = template.Must(template.New("broker").Funcs(template.FuncMap{
	"quote": quote, "groupID": idp.GroupID,
}).Parse(brokerText))

// idpPort is where Acme Workforce listens when the port is free, partnerPort where
// Partner Corp does.
const (
	idpPort     = 8081
	partnerPort = 8082
)

// acmeTitle is what Acme's identity provider is called.
const acmeTitle = "Acme Workforce"

// clientAtIDP is the broker's client_id at Acme Workforce.
const clientAtIDP = "gatehouse"

// Options say where the demo lives. All fields are required.
type Options struct {
	// Addr is the broker's wanted host:port; another port is taken when it is not free.
	Addr string
	// Data is the data directory. It is made if need be.
	Data string
	// Exact takes only free ports, none of the defaults: for tests that run side by side.
	Exact bool
	// SAML adds Partner Corp and the app that speaks SAML, without which people have
	// one identity provider, and are not asked which.
	SAML bool
	// Unpushed leaves Acme's people out of SCIM: they come by signing in, which tells
	// their groups.
	Unpushed bool
	Now      func() time.Time
}

// Demo is the running cast.
type Demo struct {
	o       Options
	state   *state
	broker  net.Listener
	issuer  string
	idp     string
	partner string
	servers []*http.Server
	waiting map[string]net.Listener // of apps that are not started yet
	facts   Facts
	kid     string
	roster  *staff.Roster
	people  *staff.Site
	// running is what the APIs follow the broker for, and ends with stop.
	running context.Context //nolint:containedctx // the demo's own life, which Close ends
	stop    context.CancelFunc
	follows sync.WaitGroup
	apis    []*sample.API
	pusher  *staff.Pusher // nil where Acme tells the broker nothing
}

// ErrRunning refuses a second demo on one data directory before it has changed
// the addresses that the first one is to find again.
var ErrRunning = errors.New("a demo is running on this data directory; stop it, or name another with --data")

// New opens the data directory, takes the addresses and starts the identity
// provider. Call Close in any case.
func New(o Options) (*Demo, error) {
	s, err := open(o.Data, o.Now())
	if err != nil {
		return nil, err
	}
	if s.running() {
		return nil, fmt.Errorf("%w: %s", ErrRunning, o.Data)
	}
	d := &Demo{o: o, state: s, waiting: map[string]net.Listener{}, roster: staff.NewRoster(s.People, s.keepPeople)}
	d.running, d.stop = context.WithCancel(context.Background())
	if err := d.takeAddresses(); err != nil {
		d.Close()
		return nil, err
	}
	if err := errors.Join(s.save(), d.writeConfig()); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// takeAddresses listens for every party and starts the identity provider.
func (d *Demo) takeAddresses() error {
	host, text, err := net.SplitHostPort(d.o.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--addr: %s is not a loopback address, and the demo's passwords are printed for everybody to see", host)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("--addr: %q is no port", text)
	}
	if d.broker, err = d.state.listen("broker", host, port); err != nil {
		return err
	}
	d.issuer = "http://" + d.broker.Addr().String()
	acme, err := d.state.listen("acme", "127.0.0.1", d.port(idpPort))
	if err != nil {
		return err
	}
	d.idp = "http://" + acme.Addr().String()
	for _, p := range d.parts() {
		if d.waiting[p.name], err = d.state.listen(p.name, "127.0.0.1", d.port(p.port)); err != nil {
			return err
		}
	}
	provider, err := idp.New(idp.Options{
		Issuer: d.idp, Title: acmeTitle, Client: clientAtIDP, Secret: d.state.IDPSecret,
		RedirectURI: d.issuer + "/login/callback/acme", Key: d.state.idpKey, People: d.roster.People, Now: d.o.Now,
	})
	if err != nil {
		return err
	}
	d.people = staff.NewSite(staff.SiteOptions{
		Title: acmeTitle, Roster: d.roster, HR: administrator, Domain: "acme.example", Groups: acmeGroups(),
		Console: d.issuer + "/admin/connections/acme/scim/operations/", Now: d.o.Now,
	})
	d.serve(acme, provider, d.people)
	if !d.o.SAML {
		return nil
	}
	return d.startPartner()
}

// parts are the sample apps that there are.
func (d *Demo) parts() []part {
	return slices.DeleteFunc(parts(), func(p part) bool { return p.kind == wiki && !d.o.SAML })
}

// startPartner listens for Partner Corp and starts it.
func (d *Demo) startPartner() error {
	corp, err := d.state.listen("partner", "127.0.0.1", d.port(partnerPort))
	if err != nil {
		return err
	}
	d.partner = "http://" + corp.Addr().String()
	sp := d.serviceProvider()
	provider, err := partner.New(partner.Options{
		BaseURL: d.partner, Title: "Partner Corp", Key: d.state.partner.key, Certificate: d.state.partner.certificate,
		SPEntityID: sp.SPEntityID, ACS: sp.ACS, TokenEndpoint: sp.Recipient, SLO: d.issuer + "/login/saml/partner/slo", People: d.state.Partners, Now: d.o.Now,
	})
	if err != nil {
		return err
	}
	d.serve(corp, provider)
	return nil
}

func (d *Demo) port(wanted int) int {
	if d.o.Exact {
		return 0
	}
	return wanted
}

func (d *Demo) writeConfig() error {
	var out bytes.Buffer
	err := brokerTemplate.Execute(&out, map[string]any{
		"Issuer": d.issuer, "Listen": d.broker.Addr().String(), "Data": d.o.Data, "Encryption": d.state.Encryption,
		"IdP": d.idp, "Secret": d.state.IDPSecret, "Groups": d.told(), "Adopts": d.adopts(),
		"SAML": d.o.SAML, "Partner": partner.EntityID(d.partner), "PartnerGroup": partnerStaff, "Partners": partners, "NameIDFormat": partner.NameIDFormat,
	})
	if err != nil {
		return fmt.Errorf("configuration of the demo: %w", err)
	}
	return replaceFile(d.ConfigFile(), out.Bytes())
}

// ConfigFile is the broker's configuration, as `broker serve --config` takes it.
func (d *Demo) ConfigFile() string { return d.state.file("broker.yaml") }

// Listener is where the broker is to listen. It belongs to the caller.
func (d *Demo) Listener() net.Listener { return d.broker }

// Issuer is the broker's public URL.
func (d *Demo) Issuer() string { return d.issuer }

// Populate applies the sample apps over the broker's API at the Unix socket and
// starts them.
func (d *Demo) Populate(ctx context.Context, socket string) error {
	jwks, kid, err := d.state.jwks()
	if err != nil {
		return err
	}
	d.kid = kid
	broker := newManagement(socket)
	d.facts = d.stage(socket)
	if err := d.administer(ctx, broker); err != nil {
		return err
	}
	if err := d.provision(ctx, broker); err != nil {
		return err
	}
	if err := d.push(ctx, broker); err != nil {
		return err
	}
	for _, p := range d.parts() {
		if err := d.launch(ctx, broker, p, jwks); err != nil {
			return err
		}
	}
	for _, p := range d.parts() {
		if p.kind == api {
			a := d.facts.App(p.name)
			d.facts.APIs = append(d.facts.APIs, FactAPI{Audience: p.name, URL: a.URL, ClientID: a.ClientID, Secret: a.Secret, Scopes: p.offers})
		}
	}
	if err := d.exchange(ctx); err != nil {
		return err
	}
	return d.apisReady(ctx)
}

// launch applies an app, tells of it and starts it.
func (d *Demo) launch(ctx context.Context, broker *management, p part, jwks json.RawMessage) error {
	base := "http://" + d.waiting[p.name].Addr().String()
	if p.auth != "private_key_jwt" {
		jwks = nil
	}
	certificate := ""
	if p.kind == wiki {
		body, err := os.ReadFile(d.state.wiki.certFile)
		if err != nil {
			return fmt.Errorf("certificate of %s: %w", p.name, err)
		}
		certificate = string(body)
	}
	manifest, err := p.manifest(base, jwks, certificate)
	if err != nil {
		return err
	}
	if err := d.register(ctx, broker, p, manifest); err != nil {
		return err
	}
	if p.kind == wiki {
		d.facts.SAMLApps = append(d.facts.SAMLApps, FactSAMLApp{Name: p.name, EntityID: base + "/saml/metadata", ACS: base + "/saml/acs", SLO: base + "/saml/slo", URL: base + "/", Groups: p.groups()})
	} else {
		d.facts.Apps = append(d.facts.Apps, d.fact(p, base))
	}
	d.start(p, base)
	return nil
}

// administer makes the API token, or finds the one that a run before made.
func (d *Demo) administer(ctx context.Context, broker *management) error {
	token, err := broker.adminToken(ctx, d.o.Now(), d.state.AdminToken)
	if err != nil {
		return err
	}
	d.facts.Admin = FactAdmin{Username: administrator, APIToken: token.Secret}
	if token == d.state.AdminToken {
		return nil
	}
	d.state.AdminToken = token
	return d.state.save()
}

// register applies a manifest and remembers the secret, which is shown once.
func (d *Demo) register(ctx context.Context, broker *management, p part, manifest []byte) error {
	if err := replaceFile(d.state.file(p.name+".microapp.yaml"), manifest); err != nil {
		return err
	}
	secret, err := broker.apply(ctx, p.name, manifest)
	if err != nil {
		return err
	}
	needed := p.auth == "client_secret_basic" || p.auth == "client_secret_post"
	if secret == "" && needed && d.state.Secrets[p.name] == "" {
		// The app was applied by a run that ended before it wrote the secret down.
		if secret, err = broker.newSecret(ctx, p.name); err != nil {
			return err
		}
	}
	if secret != "" {
		d.state.Secrets[p.name] = secret
		return d.state.save()
	}
	return nil
}

// Facts are complete after Populate.
func (d *Demo) Facts() Facts { return d.facts }

// WriteFacts replaces the file with the facts as JSON, as soon as what they call
// expired is so: a second after the first start.
func (d *Demo) WriteFacts(ctx context.Context, file string) error {
	if left := d.state.Expired.At.Sub(d.o.Now()); left > 0 {
		expired := time.NewTimer(min(left, maxExpiry))
		defer expired.Stop()
		select {
		case <-expired.C:
		case <-ctx.Done():
			return fmt.Errorf("facts: %w", ctx.Err())
		}
	}
	return d.facts.write(file)
}

// Close ends every party that New and Populate started.
func (d *Demo) Close() {
	d.stop()
	d.follows.Wait()
	for _, s := range d.servers {
		_ = s.Close()
	}
	for _, l := range d.waiting {
		_ = l.Close() // again for those that are served: no harm
	}
	if d.broker != nil {
		_ = d.broker.Close()
	}
}

// DataDir is the data directory as an absolute path where that can be told.
func (d *Demo) DataDir() string {
	if abs, err := filepath.Abs(d.o.Data); err == nil {
		return abs
	}
	return d.o.Data
}
