//! What screens are made of: tables and their pages, detail views, dialogs and text fields.

mod detail;
mod draw;
mod filter;
mod input;
mod limits;
mod overlay;
mod pages;
mod panes;
mod table;

pub(crate) use detail::{Detail, DetailPage, Details, Pane};
pub(crate) use draw::Column;
pub(crate) use input::Input;
pub(crate) use overlay::{
    Confirm, Field, FieldValue, Form, Info, Menu, MenuItem, Overlay, Secret, Toggle, TypedConfirm,
};
pub(crate) use pages::Pages;
pub(crate) use panes::{Panes, PanesMut};
pub(crate) use table::{List, Row, Table};
