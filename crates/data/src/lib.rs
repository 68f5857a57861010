//! Graph data sets in their original formats, with a verified download cache
