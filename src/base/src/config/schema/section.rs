//! The macros that declare a section and a choice, and the description that a declaration generates.

use std::borrow::Cow;

/// A section, as the reference shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The struct's name.
    pub name: &'static str,
    /// Its documentation.
    pub about: &'static str,
    /// Its keys, in the order of their declaration.
    pub keys: Vec<Key>,
}

/// One key of a section.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its name within the section.
    pub name: &'static str,
    /// Its documentation.
    pub about: &'static str,
    /// Its type.
    pub shape: Shape,
    /// Its default as TOML; `None` if it is unset by default.
    pub default: Option<String>,
    /// An example as TOML.
    pub example: Option<&'static str>,
}

/// The type of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A value, with a description of the allowed ones, such as "a whole number".
    Leaf(Cow<'static, str>),
    /// A table.
    Table(Section),
    /// A list of tables.
    Tables(Section),
}

/// Declares a section: `key: Type = default` with documentation, and `=> "TOML"` as an example where there is no
/// default.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* $key:ident: $kind:ty = $default:expr $(=> $example:literal)?, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $key: $kind, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $key: $default, )* }
            }
        }

        impl $name {
            /// The keys of this section with their documentation.
            #[must_use]
            pub fn describe() -> $crate::config::Section {
                let default = Self::default();
                $crate::config::Section {
                    name: stringify!($name),
                    about: concat!($($about, "\n",)*),
                    keys: vec![ $( $crate::config::Key {
                        name: stringify!($key),
                        about: concat!($($doc, "\n",)*),
                        shape: <$kind as $crate::config::schema::Value>::shape(),
                        default: $crate::config::schema::Value::to_toml(&default.$key),
                        example: [$($example,)? ""].first().copied().filter(|example| !example.is_empty()),
                    }, )* ],
                }
            }
        }

        impl $crate::config::schema::Value for $name {
            fn shape() -> $crate::config::Shape {
                $crate::config::Shape::Table(Self::describe())
            }

            fn set(&mut self, found: &$crate::config::schema::Found, reading: &mut $crate::config::schema::Reading) {
                reading.table(found, &[$(stringify!($key)),*], |key, value, reading| match key {
                    $( stringify!($key) => $crate::config::schema::Value::set(&mut self.$key, value, reading), )*
                    _ => {}
                });
            }

            fn to_toml(&self) -> Option<String> {
                let mut pairs = Vec::new();
                $( if let Some(value) = $crate::config::schema::Value::to_toml(&self.$key) {
                    pairs.push(format!("{} = {value}", stringify!($key)));
                } )*
                Some(format!("{{ {} }}", pairs.join(", ")))
            }

            fn values(&self, key: &str, values: &mut Vec<(String, Option<String>)>) {
                let way = if key.is_empty() { String::new() } else { format!("{key}.") };
                $( $crate::config::schema::Value::values(
                    &self.$key, &format!("{way}{}", stringify!($key)), values,
                ); )*
            }
        }
    };
}

/// Declares an enumeration whose variants are written as text. The first variant is its `Default`.
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $(#[doc = $first_doc:literal])* $first:ident = $first_text:literal,
            $( $(#[doc = $doc:literal])* $variant:ident = $text:literal, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            #[default]
            $(#[doc = $first_doc])* $first,
            $( $(#[doc = $doc])* $variant, )*
        }

        impl $name {
            /// The text in the configuration.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_text,
                    $( Self::$variant => $text, )*
                }
            }
        }

        impl $crate::config::schema::Leaf for $name {
            fn allowed() -> std::borrow::Cow<'static, str> {
                concat!("one of `", $first_text, $("`, `", $text,)* "`").into()
            }

            fn read(found: &$crate::config::schema::Found) -> Result<Self, String> {
                match found.as_text() {
                    Some($first_text) => Ok(Self::$first),
                    $( Some($text) => Ok(Self::$variant), )*
                    _ => Err(String::new()),
                }
            }

            fn toml(&self) -> String {
                $crate::config::schema::quoted(self.as_str())
            }
        }
    };
}

pub(in crate::config) use {choice, section};
