//! One OpenAPI operation (method and path): its parameters, its answers, its problems.
//!
//! Every operation takes `x-request-id`, and every answer has the common headers. Headers, schemas and problems are
//! described once, under `components`.

use std::collections::{BTreeMap, BTreeSet};

use api::{Code, Problem};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, ContentBuilder, Paths, Ref, RefOr, Required, Response,
    ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

use crate::security::{Access, AuthMode};
use crate::{header, parameter};

/// What may go wrong on every path.
const COMMON_PROBLEMS: [Code; 2] = [Code::MethodNotAllowed, Code::InternalError];

/// What all operations share: the setting of `auth`, and the document's `components`.
pub struct DocumentParts {
    auth: AuthMode,
    schemas: Vec<(String, RefOr<Schema>)>,
    problems: BTreeSet<Vec<&'static str>>,
    headers: BTreeSet<&'static str>,
}

/// One method on one path.
pub struct Route {
    method: HttpMethod,
    path: &'static str,
    inner: OperationBuilder,
    answers: BTreeMap<u16, ResponseBuilder>,
    headers: BTreeSet<&'static str>,
    problems: Vec<Code>,
    schemas: Vec<(String, RefOr<Schema>)>,
    access: Access,
}

impl Route {
    /// `GET` on this path; `id` is its name in generated clients.
    pub fn get(path: &'static str, id: &str) -> Self {
        Self::new(HttpMethod::Get, path, id)
    }

    /// `POST` on this path: under an idempotency key it happens once.
    pub fn post(path: &'static str, id: &str) -> Self {
        let operation = Self::new(HttpMethod::Post, path, id);
        operation.may_fail([
            Code::InvalidIdempotencyKey,
            Code::IdempotencyKeyReuse,
            Code::RequestTimeout,
            Code::PayloadTooLarge,
        ])
    }

    fn new(method: HttpMethod, path: &'static str, id: &str) -> Self {
        Self {
            method,
            path,
            inner: OperationBuilder::new().operation_id(Some(id)),
            answers: BTreeMap::new(),
            headers: header::COMMON_HEADERS.into(),
            problems: COMMON_PROBLEMS.into(),
            schemas: Vec::new(),
            access: Access::Open,
        }
    }

    /// It needs a token of any user, if the bank uses tokens.
    pub fn with_any_token(mut self) -> Self {
        self.access = Access::AnyToken;
        self.may_fail([Code::MissingIdentity, Code::InvalidIdentity])
    }

    /// It needs a user; if the bank uses tokens, with this scope.
    pub fn with_user(mut self, scope: &'static str) -> Self {
        self.access = Access::User(scope);
        self.may_fail([Code::MissingIdentity, Code::InvalidIdentity, Code::InsufficientScope])
    }

    /// Its group, its name, and its description.
    pub fn described(mut self, tag: &str, summary: &str, description: &str) -> Self {
        self.inner = self.inner.tag(tag).summary(Some(summary)).description(Some(description));
        self
    }

    /// Its parameters.
    pub fn takes(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.inner = parameters.into_iter().fold(self.inner, OperationBuilder::parameter);
        self
    }

    /// A JSON body.
    pub fn takes_body<T: ToSchema>(mut self, example: Value) -> Self {
        let content = Content::builder().schema(Some(self.schema::<T>())).example(Some(example)).build();
        let body =
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        self.inner = self.inner.request_body(Some(body.build()));
        self.may_fail([Code::UnsupportedMediaType])
    }

    /// Headers of its answers, beside the common ones.
    pub fn with_headers(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.headers.extend(names);
        self
    }

    /// 200 with JSON, its schema and examples.
    pub fn answers<T: ToSchema + Serialize>(self, description: &str, examples: &[(&str, T)]) -> Self {
        let example = |(name, shown): &(&str, T)| {
            (name.replace(' ', "-"), example(name, serde_json::to_value(shown).unwrap_or_default()))
        };
        let mut this = self;
        let content = Content::builder()
            .schema(Some(this.schema::<T>()))
            .examples_from_iter(examples.iter().map(example))
            .build();
        this.answers.insert(
            200,
            ResponseBuilder::new().description(description).content("application/json", content),
        );
        this
    }

    /// 200 with a body of this media type.
    pub fn answers_as(mut self, description: &str, media_type: &str, kind: Type) -> Self {
        let schema: RefOr<Schema> = ObjectBuilder::new().schema_type(kind).into();
        let content = Content::builder().schema(Some(schema)).build();
        self.answers
            .insert(200, ResponseBuilder::new().description(description).content(media_type, content));
        self
    }

    /// It also answers 304, to a client that has the current version.
    pub fn cacheable(mut self) -> Self {
        let unchanged = ResponseBuilder::new().description("What the client has still holds. No body.");
        self.answers.insert(304, unchanged);
        self.takes([parameter::if_none_match()]).with_headers(["etag"])
    }

    /// The problems that it may answer.
    pub fn may_fail(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.problems.extend(codes);
        self
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(T::name()).into()
    }

    /// Writes it into the document.
    pub fn add_to(self, paths: &mut Paths, shared: &mut DocumentParts) {
        let mut operation = self.inner.securities(Some(shared.auth.requirements(self.access)));
        if let (AuthMode::Header, Access::User(_)) = (shared.auth, self.access) {
            operation = parameter::user().into_iter().fold(operation, OperationBuilder::parameter);
        }
        if matches!(self.method, HttpMethod::Post) {
            operation = operation.parameter(parameter::idempotency_key());
        }
        operation = operation.parameter(parameter::request_id());
        for (status, answer) in self.answers {
            // A client that has the current version gets its tag, but no media type.
            let answer = with_headers(answer, self.headers.iter().copied());
            operation = operation.response(status.to_string(), answer.build());
        }
        for (status, codes) in by_status(&self.problems) {
            operation =
                operation.response(status.to_string(), RefOr::Ref(Ref::from_response_name(name(&codes))));
            shared.problems.insert(codes);
        }
        shared.headers.extend(self.headers);
        shared.schemas.extend(self.schemas);
        paths.add_path_operation(self.path, vec![self.method], operation);
    }
}

impl DocumentParts {
    /// No operation yet.
    pub fn of(auth: AuthMode) -> Self {
        Self { auth, schemas: Vec::new(), problems: BTreeSet::new(), headers: BTreeSet::new() }
    }

    /// Names that two different schemas use.
    #[cfg(test)]
    pub fn ambiguous(&self) -> Vec<String> {
        let twice = |(name, schema): &&(String, RefOr<Schema>)| {
            self.schemas.iter().any(|(other, another)| other == name && another != schema)
        };
        self.schemas.iter().filter(twice).map(|(name, _)| name.clone()).collect()
    }

    /// Everything that operations refer to.
    pub fn into_components(mut self) -> Components {
        let mut components =
            ComponentsBuilder::new().schema("Problem", api::problem::ProblemDocument::schema());
        api::problem::ProblemDocument::schemas(&mut self.schemas);
        for (name, schema) in self.schemas {
            components = components.schema(name, schema);
        }
        for codes in self.problems {
            components = components.response(name(&codes), problem(&codes));
        }
        self.headers.extend(["retry-after", "allow", "idempotent-replayed"]);
        for name in self.headers {
            components = components.header(name, header::by_name(name));
        }
        for (name, scheme) in self.auth.schemes() {
            components = components.security_scheme(name, scheme);
        }
        components.build()
    }
}

/// The codes by status, in the catalogue's order.
fn by_status(problems: &[Code]) -> BTreeMap<u16, Vec<&'static str>> {
    let mut statuses: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| problems.contains(code)) {
        statuses.entry(code.status().as_u16()).or_default().push(code.as_str());
    }
    statuses
}

/// The name of a problem response under `components/responses`: its codes.
fn name(codes: &[&str]) -> String {
    codes.join(".")
}

/// The answer with one of these codes, which share a status.
fn problem(names: &[&'static str]) -> Response {
    let codes = || Code::ALL.iter().filter(|code| names.contains(&code.as_str()));
    let meanings: Vec<String> = codes()
        .map(|code| format!("`{}`: {} Again? {}", code.as_str(), code.meaning().trim(), code.retry()))
        .collect();
    let examples = codes().map(|&code| {
        let shown = serde_json::from_str(&Problem::example(code)).unwrap_or_default();
        (code.as_str(), example(code.title(), shown))
    });
    let content = ContentBuilder::new().schema(Some(narrowed(names))).examples_from_iter(examples).build();
    let mut response = ResponseBuilder::new()
        .description(meanings.join("\n\n"))
        .content("application/problem+json", content);
    response = with_headers(response, header::COMMON_HEADERS);
    for code in codes() {
        response = match code {
            Code::MethodNotAllowed => with_headers(response, ["allow"]),
            Code::StorageUnavailable | Code::RatesUnavailable => with_headers(response, ["retry-after"]),
            Code::InsufficientFunds | Code::LimitExceeded => with_headers(response, ["idempotent-replayed"]),
            _ => response,
        };
    }
    response.build()
}

/// A problem with one of these codes.
fn narrowed(names: &[&str]) -> Schema {
    let code = api::schema::one_of(names.iter().copied());
    let only = ObjectBuilder::new().property("code", code);
    AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(only).build().into()
}

fn with_headers<'a>(response: ResponseBuilder, names: impl IntoIterator<Item = &'a str>) -> ResponseBuilder {
    let reference = |name| Ref::new(format!("#/components/headers/{name}"));
    names.into_iter().fold(response, |response, name| response.header_ref(name, reference(name)))
}

fn example(summary: &str, value: Value) -> Example {
    ExampleBuilder::new().summary(summary).value(Some(value)).build()
}

/// An amount to move, as it is sent.
pub fn amount_body() -> Value {
    json!({ "amount": "10.50" })
}
