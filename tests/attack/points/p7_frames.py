"""The pages that the server shows to browsers, in a frame of another site's page."""

from client import Client

POINT, TENTH = 7, True
PROMISE = "every page has a Content-Security-Policy with frame-ancestors 'none'"
FALLBACK = "/_matrix/client/v3/auth/m.login.registration_token/fallback/web"


def attack(server):
    bare, pages = [], 0
    session = server.anyone.call("POST", "/_matrix/client/v3/register", {}).json.get("session")
    for page in ("/", "/_matrix/static/client/login/", f"{FALLBACK}?session={session}", "/nothing/here"):
        answer = Client(server.port).call("GET", page, headers={"Accept": "text/html"})
        if "html" in answer.headers.get("content-type", ""):
            pages += 1
            if "frame-ancestors 'none'" not in answer.headers.get("content-security-policy", ""):
                bare.append(page)
    return {"pages": pages, "bare": bare}


def held(figures):
    broken = [f"{page} may be framed" for page in figures["bare"]]
    return broken if figures["pages"] >= 2 else broken + ["the pages were not found"]
