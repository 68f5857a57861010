//! Looking at graph attention: entropy, most attended neighbours, pictures
