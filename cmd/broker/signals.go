package main

type signalsCommand struct {
	List    signalsListCommand `cmd:"" help:"List the streams, newest first." api:"GET /streams" columns:"ID=id,CLIENT=client,STATUS=status,METHOD=method,WAITING=waiting,OLDEST=oldest,FAILURES=failures,ERROR=error"`
	Show    one                `cmd:"" help:"Show a stream: its status, what waits in it, and why its last push failed." api:"GET /streams/{}" set:"thing=The stream's id."`
	Events  signalsOfCommand   `cmd:"" help:"List the newest signals of a stream, and what became of them." api:"GET /streams/{}/signals" columns:"ID=id,TYPE=type,STATE=state,ISSUED=issued,SETTLED=settled,REFUSALS=refusals,REASON=reason"`
	Pause   one                `cmd:"" help:"Hold what a stream is to deliver." api:"POST /streams/{}/pause" set:"thing=The stream's id."`
	Resume  one                `cmd:"" help:"Deliver what waits in a stream, and what comes." api:"POST /streams/{}/enable" set:"thing=The stream's id."`
	Retry   one                `cmd:"" help:"Deliver again what the receiver of a stream refused." api:"POST /streams/{}/retry" set:"thing=The stream's id."`
	Disable ending             `cmd:"" help:"Stop a stream and drop what waits in it." api:"POST /streams/{}/disable" set:"thing=The stream's id."`
	Remove  ending             `cmd:"" help:"Remove a stream and all that waits in it." api:"DELETE /streams/{}" set:"thing=The stream's id."`
}

type signalsListCommand struct {
	listing
	Client  string `arg:"" optional:"" help:"Only those of this client, by client_id." query:"client"`
	Status  string `help:"Only enabled, paused or disabled." query:"status"`
	Failing *bool  `help:"Only those whose last push failed, or with =false did not." query:"failing"`
}

type signalsOfCommand struct {
	listing
	ID string `arg:"" help:"The stream's id."`
}
