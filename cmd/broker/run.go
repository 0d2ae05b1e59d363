package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

// The commands that ask the running broker are declared, not written: the tag api
// has the method and the path, in which each {} is the next argument; a flag with
// the tag query is a parameter of that name; columns are the titles and members of
// a table.

// connected is what every command has that asks the running broker. The socket is in
// the data directory, wherever the environment has that for the broker itself.
type connected struct {
	Socket    string `help:"The local broker's Unix socket." default:"${data}/broker.sock" env:"GATEHOUSE_SOCKET" type:"path" group:"broker"`
	Server    string `help:"The issuer of a broker on the network, instead of the socket. Its API token comes from GATEHOUSE_TOKEN or --token-file." env:"GATEHOUSE_SERVER" group:"broker"`
	TokenFile string `help:"A file with the API token." env:"GATEHOUSE_TOKEN_FILE" type:"path" group:"broker"`
	Output    string `help:"How the answer is printed: ${enum}." enum:"table,json" default:"table" short:"o" group:"broker"`
}

func (c connected) client() (*client.Client, error) {
	return client.New(client.Options{Socket: c.Socket, Server: c.Server, Token: os.Getenv("GATEHOUSE_TOKEN"), TokenFile: c.TokenFile})
}

// ask does one request and prints the answer with print, unless JSON is wanted.
func (c connected) ask(r client.Request, print func(io.Writer, []byte) error) error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	status, answer, err := asked.Do(context.Background(), r)
	if err != nil {
		return err
	}
	if status == http.StatusAccepted {
		return c.waiting(answer)
	}
	if c.Output == "json" {
		print = client.PrintJSON
	}
	return print(os.Stdout, answer)
}

// waiting says that a change waits for a second person.
func (c connected) waiting(answer []byte) error {
	var change struct{ ID, Expires string }
	if err := json.Unmarshal(answer, &change); err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	if _, err := fmt.Fprintf(os.Stderr, "This waits for a second person until %s: broker change approve %s\n", change.Expires, change.ID); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if c.Output == "json" {
		return client.PrintJSON(os.Stdout, answer)
	}
	return nil
}

// request is the declared one, with the arguments and flags that were given.
func request(k *kong.Context) client.Request {
	node := k.Selected()
	method, path, _ := strings.Cut(node.Tag.Get("api"), " ")
	r := client.Request{Method: method, Query: url.Values{}}
	set := func(v *kong.Value) bool {
		name, value := v.Tag.Get("query"), v.Target
		if name == "" || value.IsZero() {
			return name != ""
		}
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		r.Query.Set(name, fmt.Sprint(value.Interface()))
		return true
	}
	for _, arg := range node.Positional {
		if !set(arg) {
			path = strings.Replace(path, "{}", url.PathEscape(fmt.Sprint(arg.Target.Interface())), 1)
		}
	}
	for _, flag := range node.Flags {
		set(flag.Value)
	}
	r.Path = path
	return r
}

// listing is a command that prints a list.
type listing struct {
	connected
	Limit  int    `help:"How many items, at most 1000." query:"limit" group:"list"`
	After  string `help:"Go on after the page before." query:"after" group:"list"`
	Export string `help:"Write the whole list to standard output as csv or jsonl." enum:",csv,jsonl" default:"" query:"format" group:"list"`
}

// sorted is a listing that can be sorted.
type sorted struct {
	listing
	Sort string `help:"What to sort by; a - before it turns the order around (--sort=-name)." query:"sort" group:"list"`
}

// Run prints a page, or the whole list as an export.
func (c *listing) Run(k *kong.Context) error {
	r := request(k)
	if c.Export != "" {
		return c.export(r)
	}
	columns := columnsOf(k)
	return c.ask(r, func(w io.Writer, answer []byte) error { return client.PrintTable(w, answer, columns) })
}

// columnsOf are the declared ones; nil for none.
func columnsOf(k *kong.Context) (columns []client.Column) {
	declared := k.Selected().Tag.Get("columns")
	if declared == "" {
		return nil
	}
	for one := range strings.SplitSeq(declared, ",") {
		title, member, _ := strings.Cut(strings.TrimSpace(one), "=")
		columns = append(columns, client.Column{Title: title, Member: member})
	}
	return columns
}

// export streams a list, and says on a terminal how far it is.
func (c *listing) export(r client.Request) error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	p := &client.Progress{To: os.Stdout, Terminal: terminal()}
	defer p.Done()
	return asked.Stream(context.Background(), r, p)
}

// terminal is standard error when somebody looks at it, else nil. A terminal that
// shows the output needs no news of it.
func terminal() io.Writer {
	if isatty.IsTerminal(os.Stderr.Fd()) && !isatty.IsTerminal(os.Stdout.Fd()) {
		return os.Stderr
	}
	return nil
}

// one is a command about one thing by its id.
type one struct {
	connected
	ID string `arg:"" help:"${thing}"`
}

// Run asks for it.
func (c *one) Run(k *kong.Context) error { return c.asked(request(k), columnsOf(k)...) }

// asked prints what a GET shows, with these columns of what hangs from it, and of a change
// what is new.
func (c connected) asked(r client.Request, columns ...client.Column) error {
	if r.Method == http.MethodGet {
		return c.ask(r, func(w io.Writer, answer []byte) error { return client.PrintFactsOf(w, answer, columns) })
	}
	return c.ask(r, client.PrintDone)
}

// plain is a command without arguments.
type plain struct{ connected }

// Run asks for it.
func (c *plain) Run(k *kong.Context) error { return c.asked(request(k), columnsOf(k)...) }

// risky is what every command has that takes something away.
type risky struct {
	Preview bool `help:"Only show what it would hit."`
	Yes     bool `help:"Do not ask, on a terminal, whether to go on." short:"y"`
}

// run shows what it would hit and, on a terminal, asks.
func (s risky) run(c connected, r client.Request) error {
	if s.Preview {
		return c.ask(previewOf(r), client.PrintFacts)
	}
	if err := s.agree(c, r); err != nil {
		return err
	}
	return c.asked(r)
}

// agree asks on a terminal, unless that was answered already, and fails for a no.
func (s risky) agree(c connected, r client.Request) error {
	if s.Yes || !isatty.IsTerminal(os.Stdin.Fd()) || !isatty.IsTerminal(os.Stderr.Fd()) {
		return nil
	}
	return confirm(c, previewOf(r))
}

// previewOf asks what a request would hit.
func previewOf(r client.Request) client.Request {
	return client.Request{Method: http.MethodGet, Path: r.Path + "/preview", Query: r.Query}
}

func confirm(c connected, preview client.Request) error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	_, hits, err := asked.Do(context.Background(), preview)
	if err != nil {
		return err
	}
	if err := client.PrintFacts(os.Stderr, hits); err != nil {
		return err
	}
	_, _ = fmt.Fprint(os.Stderr, "Go on? [y/N] ") // it is a terminal
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return &client.Error{Exit: client.Failure, Text: "nothing was done"}
	}
	return nil
}

// ending is a command that takes one thing away.
type ending struct {
	one
	risky
}

// Run takes it away.
func (c *ending) Run(k *kong.Context) error { return c.run(c.connected, request(k)) }
