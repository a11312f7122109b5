//! `#[boxed]`: an `async fn` whose future is compiled once.
//!
//! rustc compiles the body of an `async fn` not where it is declared but in every crate that awaits it, in several units
//! of such a crate, and with that crate's optimisation: without boxes, most code of the domain was in the crate of the
//! HTTP endpoints, and once more in the program. Behind `dyn Future` it is compiled in its own crate, once. That costs
//! one allocation for each call.

use proc_macro::TokenStream;
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{FnArg, ItemFn, Lifetime, Receiver, ReturnType, TypeReference, parse_macro_input, parse_quote};

/// Turns `async fn f(&self, x: &X) -> R` into
/// `fn f<'boxed>(&'boxed self, x: &'boxed X) -> Pin<Box<dyn Future<Output = R> + Send + 'boxed>>`.
///
/// All elided lifetimes of the arguments become one. The public `async fn`s of the domain's crates bear it, except those
/// that are generic, which are compiled where they are called anyway.
#[proc_macro_attribute]
pub fn boxed(_: TokenStream, item: TokenStream) -> TokenStream {
    let ItemFn { attrs, vis, mut sig, block } = parse_macro_input!(item as ItemFn);
    if sig.asyncness.take().is_none() {
        return syn::Error::new_spanned(sig, "`#[boxed]` is for an `async fn`").into_compile_error().into();
    }
    for argument in &mut sig.inputs {
        match argument {
            FnArg::Receiver(receiver) => name_receiver(receiver),
            FnArg::Typed(typed) => Elided.visit_type_mut(&mut typed.ty),
        }
    }
    let named: Vec<_> = sig.generics.lifetimes().map(|it| it.lifetime.clone()).collect();
    sig.generics.params.insert(0, parse_quote!('boxed));
    for lifetime in named {
        sig.generics.make_where_clause().predicates.push(parse_quote!(#lifetime: 'boxed));
    }
    let output = match std::mem::replace(&mut sig.output, ReturnType::Default) {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, mut output) => {
            Elided.visit_type_mut(&mut output);
            *output
        }
    };
    let future = quote!(dyn ::std::future::Future<Output = #output> + ::std::marker::Send + 'boxed);
    quote! {
        #(#attrs)*
        #vis #sig -> ::std::pin::Pin<::std::boxed::Box<#future>> {
            ::std::boxed::Box::pin(async move #block)
        }
    }
    .into()
}

fn name_receiver(receiver: &mut Receiver) {
    if let Some((_, lifetime)) = &mut receiver.reference {
        lifetime.get_or_insert_with(boxed_lifetime);
    }
    // `&self` has the type `&Self` as well, which must agree.
    Elided.visit_type_mut(&mut receiver.ty);
}

/// Names the elided lifetimes of a type.
struct Elided;

impl VisitMut for Elided {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        reference.lifetime.get_or_insert_with(boxed_lifetime);
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = boxed_lifetime();
        }
    }
}

fn boxed_lifetime() -> Lifetime {
    parse_quote!('boxed)
}
