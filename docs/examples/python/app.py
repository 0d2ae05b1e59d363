"""An app that says who signed in, through Gatehouse."""

import os
import secrets
from urllib.parse import urlencode

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, session, url_for
from markupsafe import escape

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8080")

app = Flask(__name__)
app.secret_key = os.environ.get("SESSION_KEY") or secrets.token_bytes(32)
app.config.update(SESSION_COOKIE_NAME="hello_python", SESSION_COOKIE_SAMESITE="Lax")

gatehouse = OAuth(app).register(
    "gatehouse",
    server_metadata_url=ISSUER + "/.well-known/openid-configuration",
    client_id=os.environ.get("CLIENT_ID", "microapp-hello-python"),
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={"scope": "openid profile email groups", "code_challenge_method": "S256"},
)


@app.get("/")
def greet():
    if name := session.get("name"):
        return f'<h1>Hello, <span id="name">{escape(name)}</span></h1><a href="/logout">Sign out</a>'
    return '<h1>Hello</h1><a href="/login">Sign in</a>'


@app.get("/login")
def login():
    return gatehouse.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    try:
        token = gatehouse.authorize_access_token()  # checks state, nonce, PKCE and the id_token
    except OAuthError as e:
        return f"{escape(e.error)}: {escape(e.description or '')}", 403
    session.clear()
    session["name"] = f"{token['userinfo']['name']} ({token['userinfo']['email']})"
    session["id_token"] = token["id_token"]
    return redirect("/")


@app.get("/logout")
def logout():
    if "id_token" not in session:  # nobody is signed in here
        return redirect(url_for("greet"))
    query = {"post_logout_redirect_uri": url_for("greet", _external=True), "id_token_hint": session["id_token"]}
    session.clear()
    return redirect(gatehouse.load_server_metadata()["end_session_endpoint"] + "?" + urlencode(query))


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ.get("PORT", "9003")))
