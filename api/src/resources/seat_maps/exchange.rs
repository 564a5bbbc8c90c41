//! Seat maps from and for other programs. Files are read and written by the core, off the threads that serve requests.

use bytes::Bytes;
use eventflow_core::{
    ErrorCode, Refusal, id,
    seat_map::exchange::{self, Format, ImportError, Note as CoreNote, Progress},
};
use eventflow_store::{seat_maps, venues};
use futures_util::stream;
use poem::{Body, IntoResponse, Request, http::StatusCode};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
    payload::{Binary, Json},
    registry::{MetaResponses, Registry},
    types::ToJSON,
};
use tokio::sync::mpsc;

use super::{SeatMap, shape_shown, turns::TURNS};
use crate::{
    auth::Call,
    problem::{Failure, REQUEST_ID, request_id},
    resources::Tag,
    wire::{Created, Ref, Text},
};

/// Signs of progress that wait for a slow client; those that do not fit are left out.
const PROGRESS_WAITING: usize = 64;
/// The media type of answers that tell the progress.
const LINES: &str = "application/x-ndjson";

/// The formats of other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum FileFormat {
    /// The JSON of pretix's seating plans.
    Pretix,
    /// One line for each seat.
    Csv,
    /// A drawing whose circles and rectangles are seats.
    Svg,
}

impl FileFormat {
    const fn core(self) -> Format {
        match self {
            Self::Pretix => Format::Pretix,
            Self::Csv => Format::Csv,
            Self::Svg => Format::Svg,
        }
    }

    /// What the first character says.
    fn guess(file: &[u8]) -> Self {
        let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[') => Self::Pretix,
            Some(b'<') => Self::Svg,
            _ => Self::Csv,
        }
    }

    /// The end of a file's name.
    const fn extension(self) -> &'static str {
        match self {
            Self::Pretix => "json",
            Self::Csv => "csv",
            Self::Svg => "svg",
        }
    }
}

/// Something that could not be carried over.
#[derive(Debug, Object)]
struct Note {
    /// A stable code to branch on.
    code: String,
    /// How often.
    #[oai(validator(maximum(value = "9007199254740991")))]
    count: u64,
    /// The first place: a path in the document or in the file, or a line.
    object: String,
    message: String,
}

/// A seat map made of a file.
#[derive(Debug, Object)]
struct Imported {
    /// The draft, with what is wrong with it as a seat map.
    seat_map: SeatMap,
    /// What of the file is not in the seat map, or is there otherwise.
    notes: Vec<Note>,
}

fn shape_note(note: CoreNote) -> Note {
    Note {
        code: note.code.as_str().to_owned(),
        count: note.count,
        object: note.object,
        message: note.message.to_owned(),
    }
}

/// The JSON answer, or lines of progress that end with it.
enum Answer {
    Done(Box<Imported>),
    Lines(Body),
}

impl IntoResponse for Answer {
    fn into_response(self) -> poem::Response {
        match self {
            Self::Done(imported) => Created::Created(Json(*imported)).into_response(),
            Self::Lines(body) => {
                poem::Response::builder().status(StatusCode::CREATED).content_type(LINES).body(body)
            }
        }
    }
}

impl ApiResponse for Answer {
    fn meta() -> MetaResponses {
        Created::<Imported>::meta()
    }

    fn register(registry: &mut Registry) {
        Created::<Imported>::register(registry);
    }
}

#[derive(ApiResponse)]
enum File {
    /// The file. Its name and media type stand in `Content-Disposition`; it is never shown by a browser.
    #[oai(status = 200)]
    Bytes(
        Binary<String>,
        #[oai(header = "Content-Disposition")] String,
        /// What of the seat map is not in the file: codes, each with how often, as `floors;count=1, traits;count=12`.
        #[oai(header = "Seat-Map-Notes")]
        Option<String>,
    ),
}

pub struct Exchange;

#[OpenApi(prefix_path = "/v1", tag = "Tag::SeatMaps")]
impl Exchange {
    /// Make a seat map of a file of another program.
    ///
    /// The body is the file as it is: a seating plan of pretix (JSON), a table (CSV) or a drawing (SVG), 32 MiB at most. The
    /// answer is the new draft with what is wrong with it, and notes on what the file has and a seat map has not.
    ///
    /// With `Accept: application/x-ndjson` the answer is a stream of lines: `{"progress": {"done": 2000, "total": 100000}}`
    /// again and again, then `{"imported": …}` with the same as below, or `{"problem": …}`.
    #[oai(path = "/venues/:venue_id/seat-maps/import", method = "post", operation_id = "seat_maps.import")]
    async fn import(
        &self,
        call: Call,
        request: &Request,
        venue_id: Path<Ref<id::Venue>>,
        /// The format of the file. Default: what its first character says.
        format: Query<Option<FileFormat>>,
        /// The name of the seat map. Default: the name in the file.
        name: Query<Option<Text<1, 200>>>,
        file: Binary<Bytes>,
    ) -> Result<Answer, Failure> {
        // Nothing is read for a venue that is not there.
        call.read(async |tx| venues::get(tx, venue_id.0.0).await).await?;
        let upload = Upload {
            venue: venue_id.0.0,
            format: format.0.unwrap_or_else(|| FileFormat::guess(&file.0)),
            name: name.0.map(|name| name.0),
            file: file.0,
        };
        if !request.header("accept").is_some_and(|accepted| accepted.contains(LINES)) {
            return Ok(Answer::Done(Box::new(import(&call, upload, None).await?)));
        }
        let (tell, told) = mpsc::channel(PROGRESS_WAITING);
        // Once it has its turn, it comes to its end whether or not anybody listens.
        tokio::spawn(REQUEST_ID.scope(request_id(), async move {
            let line = match import(&call, upload, Some(tell.clone())).await {
                Ok(imported) => serde_json::json!({ "imported": imported.to_json() }),
                Err(failure) => serde_json::json!({ "problem": failure.problem().to_json() }),
            };
            let _ = tell.send(line).await;
        }));
        let lines = stream::unfold(told, async |mut told| {
            let line: serde_json::Value = told.recv().await?;
            Some((Ok::<_, std::io::Error>(Bytes::from(format!("{line}\n"))), told))
        });
        Ok(Answer::Lines(Body::from_bytes_stream(lines)))
    }

    /// Write a seat map as a file for another program.
    #[oai(path = "/seat-maps/:seat_map_id/export", method = "get", operation_id = "seat_maps.export")]
    async fn export(
        &self,
        call: Call,
        seat_map_id: Path<Ref<id::SeatMap>>,
        /// Default: `csv`.
        format: Query<Option<FileFormat>>,
        /// Which version; 0 is the draft. Without it the newest published version or, when there is none, the draft.
        #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
        version: Query<Option<i32>>,
    ) -> Result<File, Failure> {
        let format = format.0.unwrap_or(FileFormat::Csv);
        let turn = TURNS.take(call.tenant()).await?;
        let map = call.read(async |tx| seat_maps::document(tx, seat_map_id.0.0, version.0).await).await?;
        let (written, _turn) = off_the_runtime(move || (exchange::export(format.core(), &map), turn)).await?;
        let name = format!("attachment; filename=\"{}.{}\"", seat_map_id.0.0, format.extension());
        let notes: Vec<_> =
            written.notes.iter().map(|note| format!("{};count={}", note.code.as_str(), note.count)).collect();
        Ok(File::Bytes(Binary(written.text), name, Some(notes.join(", ")).filter(|notes| !notes.is_empty())))
    }
}

/// What is to be imported.
struct Upload {
    venue: eventflow_core::Id<id::Venue>,
    format: FileFormat,
    name: Option<String>,
    file: Bytes,
}

type Tell = mpsc::Sender<serde_json::Value>;

async fn import(call: &Call, upload: Upload, tell: Option<Tell>) -> Result<Imported, Failure> {
    let Upload { venue, format, name, file } = upload;
    let turn = match &tell {
        Some(tell) => TURNS.take_for(call.tenant(), tell).await?,
        None => TURNS.take(call.tenant()).await?,
    };
    let read = off_the_runtime(move || {
        let mut progress = |progress: Progress| {
            if let Some(tell) = &tell {
                let _ = tell.try_send(serde_json::json!({ "progress": progress }));
            }
        };
        let import = exchange::import(format.core(), &file, &mut progress).map_err(refusal)?;
        let draft = seat_maps::Draft::of(&import.map)?;
        // The turn is that of the thread, which goes on when the request is given up, and then of the draft.
        Ok::<_, Refusal>((import.map.name, import.notes, draft, turn))
    });
    let (name_of_file, notes, draft, _turn) = read.await??;
    let name = name.unwrap_or_else(|| name_of_file.chars().take(200).collect());
    let name = if name.trim().is_empty() { "Imported".to_owned() } else { name };
    let imported = call.write(async |tx| {
        let shown = seat_maps::create(tx, venue, name, draft).await?;
        Ok(Imported { seat_map: shape_shown(shown), notes: notes.into_iter().map(shape_note).collect() })
    });
    imported.await
}

/// The code of the core, and where in the file it is.
fn refusal(error: ImportError) -> Refusal {
    let code = ErrorCode::ALL.iter().copied().find(|code| code.code() == error.code.as_str());
    let refusal = Refusal::new(code.unwrap_or(ErrorCode::ImportMalformed), error.message);
    if error.location.is_empty() { refusal } else { refusal.param(error.location) }
}

pub(super) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| stopped())
}

fn stopped() -> Failure {
    Refusal::new(ErrorCode::Internal, "This is our fault. The request id helps us to find it.").into()
}

#[cfg(test)]
mod tests {
    use eventflow_core::seat_map::exchange::ImportErrorCode;

    use super::*;

    #[test]
    fn every_reason_of_the_core_is_a_code_of_ours() {
        for code in ImportErrorCode::ALL {
            assert!(ErrorCode::ALL.iter().any(|ours| ours.code() == code.as_str()), "{}", code.as_str());
        }
    }

    #[test]
    fn the_first_character_tells_the_format() {
        for (file, format) in [
            ("{\"name\": \"Hall\"}", FileFormat::Pretix),
            ("\u{feff}\n <svg/>", FileFormat::Svg),
            ("section,row,number", FileFormat::Csv),
            ("", FileFormat::Csv),
        ] {
            assert_eq!(FileFormat::guess(file.as_bytes()), format, "{file}");
        }
    }
}
