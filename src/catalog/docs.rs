//! The documentation of a command in `COMMAND DOCS`, in the format of Redis 7.2.

use kvstore_protocol::{
    Response,
    catalog::{Argument, ArgumentType, CommandDocs},
};

use super::{
    CommandInfo,
    answers::{map, statuses},
};

type Field = (&'static str, Response);

/// Returns the fields of a command, but for its sub-commands. Empty ones are left out.
pub(super) fn of(info: &CommandInfo) -> Vec<Field> {
    let complexity = info.docs.map_or("", CommandDocs::complexity);
    let texts =
        [("summary", &*info.summary), ("since", &info.since), ("group", &info.group), ("complexity", complexity)];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut fields: Vec<Field> = texts.map(|(name, text)| (name, text.into())).collect();
    let Some(docs) = info.docs else { return fields };
    fields.extend(doc_flags(docs));
    fields.extend(docs.deprecated_since().map(|version| ("deprecated_since", version.into())));
    fields.extend(docs.replaced_by().map(|text| ("replaced_by", text.into())));
    fields.extend(arguments(&docs.arguments()));
    fields
}

fn doc_flags(docs: &CommandDocs) -> Option<Field> {
    let flags = [("deprecated", docs.deprecated_since().is_some()), ("syscmd", docs.is_internal())];
    flags_field("doc_flags", &flags)
}

fn arguments(arguments: &[Argument]) -> Option<Field> {
    (!arguments.is_empty()).then(|| ("arguments", Response::array(arguments.iter().map(argument))))
}

fn argument(argument: &Argument) -> Response {
    let Argument { is_optional, is_multiple, repeats_token, .. } = *argument;
    let mut fields = vec![("name", (&*argument.name).into()), ("type", argument.kind.to_string().into())];
    if !matches!(argument.kind, ArgumentType::OneOf | ArgumentType::Block) {
        fields.push(("display_text", argument.display_text().into()));
    }
    fields.extend(argument.key_spec.map(|index| ("key_spec_index", index.into())));
    fields.extend(argument.token.map(|token| ("token", token.into())));
    let flags = [("optional", is_optional), ("multiple", is_multiple), ("multiple_token", repeats_token)];
    fields.extend(flags_field("flags", &flags));
    fields.extend(arguments(&argument.arguments));
    map(fields)
}

/// Returns the flags that are set; `None` if there are none.
fn flags_field(name: &'static str, flags: &[(&str, bool)]) -> Option<Field> {
    let set: Vec<_> = flags.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| (*flag).to_owned()).collect();
    (!set.is_empty()).then(|| (name, statuses(set.into_iter())))
}
