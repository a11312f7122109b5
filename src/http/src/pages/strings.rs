//! The texts of the web pages, in every language. `{name}` in a text is replaced by [`fill`]; a test checks that all
//! languages have the same places.

/// The texts in one language.
#[derive(Debug)]
pub(crate) struct Strings {
    // On all pages.
    pub(crate) footer: &'static str,
    pub(crate) server_address: &'static str,
    pub(crate) copy_hint: &'static str,
    pub(crate) apps: &'static str,
    pub(crate) app_only_signs_in: &'static str,
    pub(crate) in_browser: &'static str,
    pub(crate) phone: &'static str,
    pub(crate) phone_and_computer: &'static str,
    pub(crate) computer_and_browser: &'static str,
    // The page of an invite link.
    pub(crate) invited: &'static str,
    pub(crate) invited_by: &'static str,
    pub(crate) what_it_is: &'static str,
    pub(crate) what_others: &'static str,
    pub(crate) makes_admin: &'static str,
    pub(crate) rooms: &'static str,
    pub(crate) make_account: &'static str,
    pub(crate) user_name: &'static str,
    pub(crate) user_name_hint: &'static str,
    pub(crate) password: &'static str,
    pub(crate) password_hint: &'static str,
    pub(crate) password_again: &'static str,
    pub(crate) create: &'static str,
    pub(crate) then_app: &'static str,
    pub(crate) then_app_text: &'static str,
    pub(crate) own_app: &'static str,
    pub(crate) own_app_text: &'static str,
    // What is wrong with the form.
    pub(crate) problem_title: &'static str,
    pub(crate) look_below: &'static str,
    pub(crate) name_missing: &'static str,
    pub(crate) name_invalid: &'static str,
    pub(crate) name_taken: &'static str,
    pub(crate) password_short: &'static str,
    pub(crate) password_long: &'static str,
    pub(crate) password_differs: &'static str,
    pub(crate) password_again_too: &'static str,
    pub(crate) form_old: &'static str,
    // After the account exists.
    pub(crate) welcome: &'static str,
    pub(crate) your_account: &'static str,
    pub(crate) next: &'static str,
    pub(crate) next_app: &'static str,
    pub(crate) next_server: &'static str,
    pub(crate) next_login: &'static str,
    pub(crate) keep_password: &'static str,
    pub(crate) say_hello: &'static str,
    pub(crate) say_hello_text: &'static str,
    // Instead of a page.
    pub(crate) gone_title: &'static str,
    pub(crate) gone: &'static str,
    pub(crate) closed_title: &'static str,
    pub(crate) closed: &'static str,
    pub(crate) too_many_title: &'static str,
    pub(crate) too_many: &'static str,
    pub(crate) foreign_title: &'static str,
    pub(crate) foreign: &'static str,
    pub(crate) trouble_title: &'static str,
    pub(crate) trouble: &'static str,
    // The page at `/`.
    pub(crate) home_works: &'static str,
    pub(crate) home_ails: &'static str,
    pub(crate) home_have_account: &'static str,
    pub(crate) home_how_title: &'static str,
    pub(crate) home_how: &'static str,
    pub(crate) home_open: &'static str,
    pub(crate) home_ask: &'static str,
    pub(crate) home_help: &'static str,
    // The pages for apps without a screen of their own.
    pub(crate) continue_title: &'static str,
    pub(crate) continue_button: &'static str,
    pub(crate) token_needed: &'static str,
    pub(crate) token: &'static str,
    pub(crate) token_invalid: &'static str,
    pub(crate) nothing_needed: &'static str,
    pub(crate) done_title: &'static str,
    pub(crate) done: &'static str,
    pub(crate) log_in: &'static str,
    pub(crate) needs_script: &'static str,
}

/// English.
pub(crate) const ENGLISH: Strings = Strings {
    footer: "{server} is a Matrix server that runs Hearth.",
    server_address: "Address of this server, for apps:",
    copy_hint: "Tap or click it to select it, then copy.",
    apps: "Apps",
    app_only_signs_in: "signs in to an account that you have, but cannot create one on this server",
    in_browser: "{app} in the browser",
    phone: "Android, iPhone",
    phone_and_computer: "Android, iPhone, computer",
    computer_and_browser: "computer, browser",
    invited: "You are invited to {server}",
    invited_by: "{name} invites you to {server}",
    what_it_is: "{server} is a private chat server, run by someone you know. It uses Matrix, an open standard, so \
        you choose the app that you like.",
    what_others: "You can also write to people on other Matrix servers.",
    makes_admin: "This is the first account here: it will administer this server.",
    rooms: "You will be in these rooms:",
    make_account: "1. Create your account",
    user_name: "User name",
    user_name_hint: "You will be @name:{server}. Small letters, digits, and any of . _ = - / +; it cannot be \
        changed later.",
    password: "Password",
    password_hint: "At least {chars} characters. A few words in a row are easy to remember. Write it down: this \
        server cannot send you a new one by mail.",
    password_again: "The same password again",
    create: "Create account",
    then_app: "2. Sign in with an app",
    then_app_text: "With the account you sign in to any of these apps:",
    own_app: "Or register in an app",
    own_app_text: "Some apps can create the account themselves. Give them the address above, and this \
        registration token when they ask for one:",
    problem_title: "Please check: {title}",
    look_below: "The account has not been created yet. What to change stands below.",
    name_missing: "Choose a user name.",
    name_invalid: "This cannot be a user name. It can have small letters, digits, and any of . _ = - / +, and it \
        cannot be too long.",
    name_taken: "This user name is taken. Choose another one.",
    password_short: "Choose a password of at least {chars} characters.",
    password_long: "This password is too long: {bytes} bytes at most.",
    password_differs: "The two passwords are not the same. Type both again.",
    password_again_too: "Type the password again, too: it is not kept when something else has to be changed.",
    form_old: "This page was open for too long, or your connection has changed. Type the password again and send \
        the form once more.",
    welcome: "Welcome, {name}!",
    your_account: "Your account has been created. Your address is:",
    next: "What to do next",
    next_app: "Get one of these apps, or open it in the browser.",
    next_server: "Where the app asks for the server (or provider), enter:",
    next_login: "Sign in with your user name {name} and your password.",
    keep_password: "Keep the password safe, and the recovery key that the app shows you: with the two you can \
        always read your messages.",
    say_hello: "Say hello",
    say_hello_text: "{name} has invited you and can help you. In the app, start a chat with:",
    gone_title: "This invitation does not work",
    gone: "It may have been used up or be too old, or the address is not complete. Ask the one who sent it to you \
        for a new one.",
    closed_title: "No new members at the moment",
    closed: "This server does not take new members now. Ask the one who invited you when it will.",
    too_many_title: "Too many tries",
    too_many: "Too many requests came from your connection. Wait {seconds} seconds and try again.",
    foreign_title: "The form came from elsewhere",
    foreign: "It was not sent from the page of this server. Open the invitation again and fill in the form there.",
    trouble_title: "That did not work",
    trouble: "Something went wrong on the server: {reason} Try again in a moment.",
    home_works: "This server works.",
    home_ails: "This server has trouble at the moment: messages may not get through. Its administrator can see \
        why.",
    home_have_account: "If you have an account, sign in with one of these apps.",
    home_how_title: "How to get an account",
    home_how: "By invitation: the one who runs this server, or an administrator, sends you a link.",
    home_open: "Anyone can create an account, in one of these apps.",
    home_ask: "Whom to ask:",
    home_help: "Help for users of this server",
    continue_title: "Continue",
    continue_button: "Continue",
    token_needed: "Creating an account on this server takes a registration token. Its administrator has one for \
        you.",
    token: "Registration token",
    token_invalid: "This token is not valid, or has been used up.",
    nothing_needed: "Nothing else is needed.",
    done_title: "Done",
    done: "You can go back to your app now.",
    log_in: "Log in",
    needs_script: "This page needs JavaScript.",
};

/// German.
pub(crate) const GERMAN: Strings = Strings {
    footer: "{server} ist ein Matrix-Server mit Hearth.",
    server_address: "Adresse dieses Servers für Apps:",
    copy_hint: "Antippen oder anklicken wählt sie aus, dann kopieren.",
    apps: "Apps",
    app_only_signs_in: "meldet sich mit einem Konto an, das es schon gibt, kann auf diesem Server aber keins anlegen",
    in_browser: "{app} im Browser",
    phone: "Android, iPhone",
    phone_and_computer: "Android, iPhone, Computer",
    computer_and_browser: "Computer, Browser",
    invited: "Einladung zu {server}",
    invited_by: "{name} lädt dich zu {server} ein",
    what_it_is: "{server} ist ein privater Chat-Server, den jemand betreibt, den du kennst. Er nutzt den offenen \
        Standard Matrix; die App suchst du dir deshalb selbst aus.",
    what_others: "Du kannst auch Leuten auf anderen Matrix-Servern schreiben.",
    makes_admin: "Dies ist das erste Konto hier: Es verwaltet diesen Server.",
    rooms: "Du bist dann in diesen Räumen:",
    make_account: "1. Konto anlegen",
    user_name: "Benutzername",
    user_name_hint: "Du heißt dann @name:{server}. Kleine Buchstaben ohne Umlaute, Ziffern und . _ = - / +; \
        später lässt er sich nicht ändern.",
    password: "Passwort",
    password_hint: "Mindestens {chars} Zeichen. Ein paar Wörter hintereinander merkt man sich leicht. Schreib es \
        auf: Dieser Server kann dir kein neues per E-Mail schicken.",
    password_again: "Dasselbe Passwort noch einmal",
    create: "Konto anlegen",
    then_app: "2. Mit einer App anmelden",
    then_app_text: "Mit dem Konto meldest du dich in einer dieser Apps an:",
    own_app: "Oder in einer App registrieren",
    own_app_text: "Manche Apps können das Konto selbst anlegen. Gib dort die Adresse von oben an und, wenn danach \
        gefragt wird, dieses Registrierungs-Token:",
    problem_title: "Bitte prüfen: {title}",
    look_below: "Das Konto ist noch nicht angelegt. Was zu ändern ist, steht unten.",
    name_missing: "Wähle einen Benutzernamen.",
    name_invalid: "Das geht nicht als Benutzername. Erlaubt sind kleine Buchstaben ohne Umlaute, Ziffern und . _ \
        = - / +, und zu lang darf er nicht sein.",
    name_taken: "Diesen Benutzernamen gibt es schon. Wähle einen anderen.",
    password_short: "Wähle ein Passwort mit mindestens {chars} Zeichen.",
    password_long: "Dieses Passwort ist zu lang: höchstens {bytes} Bytes.",
    password_differs: "Die beiden Passwörter sind nicht gleich. Gib beide noch einmal ein.",
    password_again_too: "Gib auch das Passwort noch einmal ein: Es bleibt nicht stehen, wenn etwas anderes zu \
        ändern ist.",
    form_old: "Diese Seite war zu lange offen, oder deine Verbindung hat gewechselt. Gib das Passwort noch einmal \
        ein und sende das Formular erneut.",
    welcome: "Willkommen, {name}!",
    your_account: "Dein Konto ist angelegt. Deine Adresse ist:",
    next: "Wie es weitergeht",
    next_app: "Hol dir eine dieser Apps, oder öffne sie im Browser.",
    next_server: "Wo die App nach dem Server (oder Anbieter) fragt, gibst du ein:",
    next_login: "Melde dich mit deinem Benutzernamen {name} und deinem Passwort an.",
    keep_password: "Heb das Passwort gut auf und auch den Wiederherstellungsschlüssel, den die App dir zeigt: Mit \
        beiden kannst du deine Nachrichten immer lesen.",
    say_hello: "Sag Hallo",
    say_hello_text: "{name} hat dich eingeladen und kann dir helfen. Beginne in der App ein Gespräch mit:",
    gone_title: "Diese Einladung funktioniert nicht",
    gone: "Sie ist vielleicht verbraucht oder zu alt, oder die Adresse ist nicht vollständig. Bitte den, der sie \
        dir geschickt hat, um eine neue.",
    closed_title: "Zurzeit kann niemand dazukommen",
    closed: "Dieser Server nimmt gerade keine neuen Mitglieder auf. Frag den, der dich eingeladen hat, wann es \
        wieder geht.",
    too_many_title: "Zu viele Versuche",
    too_many: "Von deiner Verbindung kamen zu viele Anfragen. Warte {seconds} Sekunden und versuch es noch einmal.",
    foreign_title: "Das Formular kam von anderswo",
    foreign: "Es wurde nicht von der Seite dieses Servers gesendet. Öffne die Einladung noch einmal und füll das \
        Formular dort aus.",
    trouble_title: "Das hat nicht geklappt",
    trouble: "Auf dem Server ging etwas schief: {reason} Versuch es gleich noch einmal.",
    home_works: "Dieser Server läuft.",
    home_ails: "Dieser Server hat gerade Schwierigkeiten: Nachrichten kommen vielleicht nicht an. Wer ihn \
        verwaltet, sieht den Grund.",
    home_have_account: "Wenn du ein Konto hast, meldest du dich mit einer dieser Apps an.",
    home_how_title: "Wie man ein Konto bekommt",
    home_how: "Auf Einladung: Wer diesen Server betreibt oder verwaltet, schickt dir einen Link.",
    home_open: "Jeder kann ein Konto anlegen, in einer dieser Apps.",
    home_ask: "Wen man fragt:",
    home_help: "Hilfe für Benutzer dieses Servers",
    continue_title: "Weiter",
    continue_button: "Weiter",
    token_needed: "Um auf diesem Server ein Konto anzulegen, braucht man ein Registrierungs-Token. Wer ihn \
        verwaltet, hat eines für dich.",
    token: "Registrierungs-Token",
    token_invalid: "Dieses Token gilt nicht oder ist verbraucht.",
    nothing_needed: "Sonst ist nichts nötig.",
    done_title: "Fertig",
    done: "Du kannst jetzt zu deiner App zurückkehren.",
    log_in: "Anmelden",
    needs_script: "Diese Seite braucht JavaScript.",
};

/// Replaces each `{key}` in a text by its value. Values are not searched for further places.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (key, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(values.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of each text, by the name of its field, as `Debug` prints them.
    fn places(strings: &Strings) -> Vec<(String, Vec<String>)> {
        let text = format!("{strings:#?}");
        let lines = text.lines().filter_map(|line| line.trim().split_once(": \""));
        let places = lines.map(|(field, text)| {
            let mut places: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
            places.sort();
            places.dedup();
            (field.to_owned(), places)
        });
        places.collect()
    }

    #[test]
    fn all_languages_have_the_same_places() {
        let english = places(&ENGLISH);
        assert!(english.len() > 50 && english.iter().any(|(field, places)| field == "invited_by" && places.len() == 2));
        assert_eq!(english, places(&GERMAN));
    }

    #[test]
    fn a_value_is_not_searched_for_places() {
        assert_eq!(fill("{a} and {b}{c}", &[("a", "{b}"), ("b", "x")]), "{b} and x");
        assert_eq!(fill("open { at the end", &[]), "open ");
    }
}
