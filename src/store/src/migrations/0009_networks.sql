-- Which rooms an application service lists as belonging to a bridged network.
CREATE TABLE network_rooms (
    appservice TEXT NOT NULL,
    network TEXT NOT NULL,
    room INTEGER NOT NULL,
    PRIMARY KEY (appservice, network, room)
) STRICT, WITHOUT ROWID;
