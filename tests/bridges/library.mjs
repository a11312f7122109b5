// A bridge with matrix-appservice-bridge, and a user beside it. `library.mjs register FILE` writes the registration as bridges do;
// `library.mjs run FILE` runs the checks and prints "ok NAME" or "FAILED NAME: why". BASE, NAME, PORT, FOLDER and NODE_MODULES are told
// by the environment. A line "restart" asks for the server to be killed and started; "restarted" comes back.
import Module, { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";

const { BASE, NAME, PORT, NODE_MODULES, FOLDER } = process.env;
// The library loads its encryption, a program that is not on npm, also where it does not use it, as here.
const load = Module._load;
Module._load = (name, ...rest) => (name === "@matrix-org/matrix-sdk-crypto-nodejs" ? {} : load(name, ...rest));
const { Bridge, AppServiceRegistration, Logger } = createRequire(`${NODE_MODULES}/`)("matrix-appservice-bridge");
const [command, file] = process.argv.slice(2);
const PROTOCOL = {
    user_fields: ["nick"], location_fields: ["channel"], icon: "mxc://example/x", field_types: {},
    instances: [{ desc: "Tea", network_id: "tea", fields: {} }],
};

if (command === "register") {
    const registration = new AppServiceRegistration(`http://127.0.0.1:${PORT}`);
    registration.setId("library");
    registration.setHomeserverToken(AppServiceRegistration.generateToken());
    registration.setAppServiceToken(AppServiceRegistration.generateToken());
    registration.setSenderLocalpart("librarybot");
    registration.setRateLimited(false);
    registration.pushEphemeral = true;
    registration.setProtocols(["lib"]);
    registration.addRegexPattern("users", `@lib_.*:${NAME}`, true);
    registration.addRegexPattern("aliases", `#lib_.*:${NAME}`, true);
    registration.outputAsYaml(file);
    process.exit(0);
}

// What the bridge has been told.
const events = [], ephemeral = [], queried = [];

async function eventually(what, probe, seconds = 20) {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
        const found = await probe();
        if (found) return found;
    }
    throw new Error(`not within ${seconds} s: ${what}`);
}

class User {
    static async register(username) {
        const user = new User();
        const body = { username, password: "correct horse", auth: { type: "m.login.dummy" } };
        const answer = await user.call("POST", "/v3/register", body);
        [user.id, user.token] = [answer.user_id, answer.access_token];
        return user;
    }

    async call(method, path, body) {
        const headers = { "Content-Type": "application/json", ...(this.token && { Authorization: `Bearer ${this.token}` }) };
        const text = method === "GET" ? undefined : JSON.stringify(body ?? {});
        const answer = await fetch(`${BASE}/_matrix/client${path}`, { method, headers, body: text });
        const found = await answer.json();
        if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status} ${JSON.stringify(found)}`), found);
        return found;
    }

    room(path, room) {
        return `/v3/rooms/${encodeURIComponent(room)}${path}`;
    }

    async create(more = {}) {
        return (await this.call("POST", "/v3/createRoom", { preset: "public_chat", ...more })).room_id;
    }

    async say(room, body) {
        const path = this.room(`/send/m.room.message/${Math.random()}`, room);
        return (await this.call("PUT", path, { msgtype: "m.text", body })).event_id;
    }

    async event(room, id) {
        return this.call("GET", this.room(`/event/${encodeURIComponent(id)}`, room));
    }

    async texts(room) {
        const { chunk } = await this.call("GET", this.room("/messages?dir=b&limit=50", room));
        return chunk.map((event) => event.content.body).filter(Boolean);
    }

    async membership(room, user) {
        const path = this.room(`/state/m.room.member/${encodeURIComponent(user)}`, room);
        return (await this.call("GET", path).catch(() => ({}))).membership;
    }
}

const bridge = new Bridge({
    homeserverUrl: BASE, domain: NAME, registration: file,
    roomStore: `${FOLDER}/rooms.db`, userStore: `${FOLDER}/users.db`, userActivityStore: `${FOLDER}/activity.db`,
    controller: {
        onLog() {},
        onEvent: (request) => void events.push(request.getData()),
        onEphemeralEvent: (request) => void ephemeral.push(request.getData()),
        onUserQuery(user) {
            queried.push(user.getId());
            return user.getId().includes("never") ? null : { name: "Made on demand" };
        },
        onAliasQuery(alias, localpart) {
            queried.push(alias);
            if (alias.includes("never")) return null;
            return { creationOpts: { room_alias_name: localpart, preset: "public_chat", name: "Made on demand" } };
        },
        thirdPartyLookup: {
            protocols: ["lib"],
            getProtocol: () => PROTOCOL,
            getUser: (_, { nick }) => [{ userid: `@lib_${nick}:${NAME}`, protocol: "lib", fields: { nick } }],
            getLocation: (_, { channel }) => [{ alias: `#lib_${channel}:${NAME}`, protocol: "lib", fields: { channel } }],
            parseUser: (userid) => [{ userid, protocol: "lib", fields: {} }],
            parseLocation: (alias) => [{ alias, protocol: "lib", fields: {} }],
        },
    },
});

const texts = (room) => events.filter((event) => event.room_id === room && event.type === "m.room.message").map((event) => event.content.body);
const encoded = encodeURIComponent;

const checks = {
    async rooms_and_messages() {
        const alice = await User.register("alice"), room = await alice.create();
        const bot = bridge.getIntent(), ghost = bridge.getIntent(`@lib_bob:${NAME}`);
        await bot.join(room);
        await ghost.setDisplayName("Bob (lib)");
        await ghost.join(room);
        await alice.say(room, "to the bridge");
        await eventually("the message", () => texts(room).includes("to the bridge"));
        const { event_id } = await ghost.sendText(room, "from a ghost");
        const seen = await alice.event(room, event_id);
        assert.equal(seen.sender, `@lib_bob:${NAME}`);
        await ghost.sendMessage(room, { msgtype: "m.emote", body: "waves" });
        assert.equal((await ghost.getProfileInfo(`@lib_bob:${NAME}`)).displayname, "Bob (lib)");
        const members = await bridge.getBot().getJoinedMembers(room);
        assert.equal(members[`@lib_bob:${NAME}`].display_name, "Bob (lib)");
        assert((await bridge.getBot().getJoinedRooms()).includes(room));
        await ghost.leave(room);
        assert.equal(await alice.membership(room, `@lib_bob:${NAME}`), "leave");
        // What the bot sees of its own ghosts is not an echo.
        assert(!texts(room).includes("from a ghost"), "the library filters what its own users send");
    },
    async invites_kicks_and_state() {
        const alice = await User.register("carol"), dave = `@lib_dave:${NAME}`;
        const ghost = bridge.getIntent(dave), bot = bridge.getIntent();
        await ghost.ensureRegistered();
        const room = await alice.create({ preset: "private_chat", invite: [dave] });
        await eventually("the invite", () => events.some((event) => event.room_id === room && event.state_key === dave));
        await ghost.join(room);
        await alice.call("PUT", alice.room("/state/m.room.power_levels/", room), { users: { [alice.id]: 100, [dave]: 50, [bot.userId]: 90 } });
        await ghost.invite(room, bot.userId);
        await bot.join(room);
        await bot.setPowerLevel(room, dave, 40);
        await bot.setRoomTopic(room, "tea");
        assert.equal((await alice.call("GET", alice.room("/state/m.room.topic", room))).topic, "tea");
        assert.equal((await bot.getStateEvent(room, "m.room.topic")).topic, "tea");
        await bot.kick(room, dave, "out");
        assert.equal(await alice.membership(room, dave), "leave");
        await bot.ban(room, dave);
        assert.equal(await alice.membership(room, dave), "ban");
        await bot.unban(room, dave);
        const upload = await bot.uploadContent(Buffer.from("a file"), { name: "a.txt", type: "text/plain" });
        assert(upload.startsWith(`mxc://${NAME}/`), upload);
    },
    async queries() {
        const alice = await User.register("erin"), alias = `#lib_tea:${NAME}`, ghost = `@lib_frank:${NAME}`;
        const { room_id } = await alice.call("POST", `/v3/join/${encoded(alias)}`);
        assert.equal((await alice.call("GET", alice.room("/state/m.room.name", room_id))).name, "Made on demand");
        assert.equal((await alice.call("GET", `/v3/profile/${encoded(ghost)}`)).displayname, "Made on demand");
        assert.deepEqual(queried, [alias, ghost]);
        await assert.rejects(alice.call("GET", `/v3/profile/${encoded(`@lib_never:${NAME}`)}`), { errcode: "M_NOT_FOUND" });
        await assert.rejects(alice.call("GET", `/v3/directory/room/${encoded(`#lib_never:${NAME}`)}`), { errcode: "M_NOT_FOUND" });
        // A room of the user's, linked under an alias of the bridge, whose bot is not in it.
        const room = await alice.create({ preset: "private_chat" });
        await bridge.getIntent().createAlias(`#lib_linked:${NAME}`, room);
        await alice.say(room, "linked");
        await eventually("the message of the linked room", () => texts(room).includes("linked"));
    },
    async look_ups() {
        const alice = await User.register("gina");
        const { lib } = await alice.call("GET", "/v3/thirdparty/protocols");
        assert.equal(lib.instances[0].network_id, "tea");
        const [user] = await alice.call("GET", "/v3/thirdparty/user/lib?nick=bob");
        assert.equal(user.userid, `@lib_bob:${NAME}`);
        const [location] = await alice.call("GET", "/v3/thirdparty/location/lib?channel=tea");
        assert.equal(location.alias, `#lib_tea:${NAME}`);
        const [parsed] = await alice.call("GET", `/v3/thirdparty/user?userid=${encoded(`@lib_bob:${NAME}`)}`);
        assert.equal(parsed.protocol, "lib");
        const room = await alice.create();
        await bridge.getIntent().join(room);
        await bridge.getIntent().setRoomDirectoryVisibilityAppService(room, "tea", "public");
        const body = { third_party_instance_id: lib.instances[0].instance_id };
        assert.equal((await alice.call("POST", "/v3/publicRooms", body)).chunk[0].room_id, room);
    },
    async ephemeral_events() {
        const alice = await User.register("henry"), room = await alice.create(), ghost = bridge.getIntent(`@lib_ida:${NAME}`);
        await ghost.join(room);
        const event = await alice.say(room, "hello");
        await alice.call("PUT", alice.room(`/typing/${encoded(alice.id)}`, room), { typing: true, timeout: 9000 });
        await alice.call("POST", alice.room(`/receipt/m.read/${encoded(event)}`, room));
        await alice.call("PUT", `/v3/presence/${encoded(alice.id)}/status`, { presence: "online", status_msg: "tea" });
        for (const type of ["m.typing", "m.receipt", "m.presence"]) {
            await eventually(type, () => ephemeral.some((entry) => entry.type === type));
        }
        await ghost.sendTyping(room, true);
        await ghost.sendReadReceipt(room, event);
        await ghost.setPresence("online", "here");
        assert.equal((await alice.call("GET", `/v3/presence/${encoded(`@lib_ida:${NAME}`)}/status`)).status_msg, "here");
    },
    async ping() {
        const room = await bridge.getIntent().createRoom({ createAsClient: false, options: { preset: "private_chat" } });
        assert((await bridge.pingAppserviceRoute(room.room_id, 10_000)) >= 0);
    },
    async kill_of_the_server() {
        const alice = await User.register("jane"), room = await alice.create();
        await bridge.getIntent().join(room);
        const sent = [];
        for (let number = 0; number < 200; number++) {
            sent.push(`message ${number}`);
            await alice.say(room, sent[number]);
            if (number % 80 === 40) await restart();
        }
        await eventually("all messages", () => texts(room).length >= sent.length, 60);
        assert.deepEqual(texts(room), sent);
        await bridge.getIntent().sendText(room, "still here");
        assert((await alice.texts(room)).includes("still here"));
    },
};

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function restart() {
    console.log("restart");
    assert.equal((await input.next()).value, "restarted");
}

Logger.configure({ console: "off" });
await bridge.run(Number(PORT), undefined, "127.0.0.1");
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
    try {
        await check();
        console.log(`ok ${name}`);
    } catch (why) {
        failed++;
        console.log(`FAILED ${name}: ${why.stack}`);
    }
}
process.exit(failed ? 1 : 0);
