// The same as caller.js, but the calling is left to matrix-js-sdk, as Element does it: with the setting that keeps people's own
// addresses to themselves, so that only relays are used. Bundled by `run`; figuresOf() of caller.js looks at what comes of it.
import { ClientEvent, createClient, createNewMatrixCall } from "matrix-js-sdk";

let client = null;

async function enterAsClient(baseUrl, user, password) {
    const identifier = { type: "m.id.user", user };
    const answer = await createClient({ baseUrl }).loginRequest({ type: "m.login.password", identifier, password });
    const { user_id: userId, access_token: accessToken, device_id: deviceId } = answer;
    client = createClient({ baseUrl, userId, accessToken, deviceId, forceTURN: true });
    client.on("Call.incoming", (incoming) => {
        watch(incoming);
        incoming.answer(true, true);
    });
    const isPrepared = new Promise((done) =>
        client.on(ClientEvent.Sync, (state) => state === "PREPARED" && done()));
    await client.startClient({ initialSyncLimit: 1 });
    await isPrepared;
    await client.checkTurnServers();
    return client.getTurnServers().flatMap((server) => server.urls);
}

function watch(one) {
    window.calling = one;
    one.on("error", (error) => console.log(`${client.getUserId()}: ${error}`));
    // What comes is decoded only if somebody looks.
    one.on("feeds_changed", (feeds) => {
        for (const feed of feeds.filter((feed) => !feed.isLocal())) {
            const screen = document.createElement("video");
            screen.srcObject = feed.stream;
            document.body.append(screen);
            screen.play();
        }
    });
}

async function ringAsClient(room) {
    const one = createNewMatrixCall(client, room);
    watch(one);
    await one.placeVideoCall();
}

const stateAsClient = () => window.calling?.state;
const hangUpAsClient = () => window.calling.hangup("user_hangup");
const figuresAsClient = () => window.figuresOf({ peer: window.calling.peerConn, errors: [], words: [], pieces: 0, wrong: 0 });

Object.assign(window, { enterAsClient, ringAsClient, stateAsClient, hangUpAsClient, figuresAsClient });
