// Somebody who calls and is called: a client of Matrix in a page, as small as it can be. Signalling goes through a room, as m.call
// events of version 1; media and data may only go through relays. calls.py tells it what to do.
"use strict";

const WORDS = 100; // messages each way, in order
const PIECE = 16384, PIECES = 64; // of the bulk, each way
const UNSENT_MAX = 256 * 1024;

const me = { base: null, token: null, id: null, party: "", since: null };
let call = null;

async function api(method, path, body) {
    const headers = { "Content-Type": "application/json" };
    if (me.token) headers.Authorization = `Bearer ${me.token}`;
    const answer = await fetch(`${me.base}/_matrix/client/v3/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
}

async function enter(base, user, password) {
    me.base = base;
    const identifier = { type: "m.id.user", user };
    const answer = await api("POST", "login", { type: "m.login.password", identifier, password });
    [me.id, me.token, me.party] = [answer.user_id, answer.access_token, answer.device_id];
    me.since = (await api("GET", "sync?timeout=0")).next_batch;
    listen();
    return me.id;
}

const servers = () => api("GET", "voip/turnServer");
const create = async (invitee) =>
    (await api("POST", "createRoom", { preset: "trusted_private_chat", is_direct: true, invite: [invitee] })).room_id;
const join = (room) => api("POST", `join/${encodeURIComponent(room)}`, {});

async function listen() {
    for (;;) {
        try {
            const news = await api("GET", `sync?timeout=10000&since=${encodeURIComponent(me.since)}`);
            me.since = news.next_batch;
            for (const [room, { timeline }] of Object.entries(news.rooms?.join ?? {}))
                for (const event of timeline.events)
                    if (event.sender !== me.id && event.content.call_id) await hear(room, event);
        } catch (error) {
            console.log(`${me.id}: ${error}`);
            if (`${error}`.includes(" 401 ")) return; // locked out
            await new Promise((done) => setTimeout(done, 500));
        }
    }
}

let serial = 0;
function say(type, content) {
    const whole = { call_id: call.id, party_id: me.party, version: "1", ...content };
    return api("PUT", `rooms/${encodeURIComponent(call.room)}/send/${type}/${Date.now()}.${serial++}`, whole);
}

async function hear(room, { type, content }) {
    if (type === "m.call.invite" && call?.answers) {
        [call.id, call.room] = [content.call_id, room];
        await call.peer.setRemoteDescription(content.offer);
        await call.peer.setLocalDescription();
        await say("m.call.answer", { answer: call.peer.localDescription.toJSON() });
        call.ready();
    } else if (content.call_id !== call?.id) {
        return;
    } else if (type === "m.call.answer") {
        await call.peer.setRemoteDescription(content.answer);
        await say("m.call.select_answer", { selected_party_id: content.party_id });
    } else if (type === "m.call.candidates") {
        for (const one of content.candidates) await call.peer.addIceCandidate(one);
    } else if (type === "m.call.hangup") {
        call.theyLeft = true;
    }
}

// How a call will be made: with these servers, and with nothing but relays. `answers`: takes the next invitation.
async function prepare(iceServers, answers, settings) {
    const peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay", ...settings });
    call = { peer, answers, errors: [], words: [], pieces: 0, wrong: 0, candidates: 0 };
    const isReady = new Promise((done) => (call.ready = done));
    const mine = call;
    let waiting = [];
    peer.onicecandidate = async ({ candidate }) => {
        if (candidate) mine.candidates++;
        if (waiting.push(candidate?.toJSON() ?? { candidate: "" }) > 1) return;
        // Several come at once; a room is no place for an event each.
        await isReady;
        await new Promise((done) => setTimeout(done, 100));
        const candidates = waiting;
        waiting = [];
        if (mine === call) await say("m.call.candidates", { candidates });
    };
    peer.onicecandidateerror = ({ url, errorCode, errorText }) => mine.errors.push(`${url} ${errorCode} ${errorText}`);
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240, frameRate: 15 } });
    call.media = media;
    for (const track of media.getTracks()) peer.addTrack(track, media);
    // What comes is decoded only if somebody looks.
    peer.ontrack = ({ streams }) => {
        if (mine.screen) return;
        mine.screen = document.createElement("video");
        document.body.append(mine.screen);
        mine.screen.srcObject = streams[0];
        mine.screen.play();
    };
    call.channel = peer.createDataChannel("words", { negotiated: true, id: 0 });
    call.channel.binaryType = "arraybuffer";
    call.channel.onopen = () => talk(mine);
    call.channel.onmessage = ({ data }) => take(mine, data);
}

async function ring(room) {
    [call.id, call.room] = [crypto.randomUUID(), room];
    await call.peer.setLocalDescription();
    await say("m.call.invite", { lifetime: 60000, offer: call.peer.localDescription.toJSON() });
    call.ready();
}

const fill = (index) => (index * 37 + 11) & 255;

async function talk(mine) {
    for (let index = 0; index < WORDS; index++) mine.channel.send(`${me.id} ${index}`);
    for (let index = 0; index < PIECES && mine.channel.readyState === "open"; index++) {
        while (mine.channel.bufferedAmount > UNSENT_MAX) await new Promise((done) => setTimeout(done, 5));
        mine.channel.send(new Uint8Array(PIECE).fill(fill(index)));
    }
}

function take(mine, data) {
    if (typeof data === "string") {
        mine.words.push(data);
        return;
    }
    const expected = fill(mine.pieces++);
    if (data.byteLength !== PIECE || new Uint8Array(data).some((byte) => byte !== expected)) mine.wrong++;
}

// Whether every word has come, in order, and every piece of the bulk, as it was.
const hasHeard = (from) =>
    call.words.length === WORDS && call.words.every((word, index) => word === `${from} ${index}`)
    && call.pieces === PIECES && call.wrong === 0;

const figures = () => figuresOf(call);

async function figuresOf(call) {
    const stats = await call.peer.getStats();
    const all = [...stats.values()];
    const transport = all.find((one) => one.type === "transport" && one.selectedCandidatePairId);
    const pair = transport && stats.get(transport.selectedCandidatePairId);
    const end = (id) => {
        const { candidateType, address, port, protocol, relayProtocol, url } = stats.get(id) ?? {};
        return { candidateType, address, port, protocol, relayProtocol, url };
    };
    const inbound = (kind) => all.find((one) => one.type === "inbound-rtp" && one.kind === kind) ?? {};
    return {
        state: call.peer.connectionState, ice: call.peer.iceConnectionState, theyLeft: !!call.theyLeft,
        candidates: call.candidates, errors: call.errors, words: call.words.length, pieces: call.pieces, wrong: call.wrong,
        pair: pair && {
            local: end(pair.localCandidateId), remote: end(pair.remoteCandidateId),
            roundTripMs: pair.currentRoundTripTime * 1000, sent: pair.bytesSent, received: pair.bytesReceived,
        },
        audio: inbound("audio").bytesReceived ?? 0, video: inbound("video").bytesReceived ?? 0,
        frames: inbound("video").framesDecoded ?? 0,
    };
}

async function leave(silently) {
    if (!silently) await say("m.call.hangup", { reason: "user_hangup" });
    call.peer.close();
    call.media.getTracks().forEach((track) => track.stop());
    call.screen?.remove();
    call = null;
}
