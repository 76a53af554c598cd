/**
 * The object store: a thin class over the S3 client, the keys of the layout, and a bounded local cache. May import
 * {@code job} for references; knows no events.
 */
package dev.quantline.pipeline.store;
